"""What rules about benchmark protocols share: a figure reaches the goal, or is no worse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecgmodel.benchmarks._marks import Mark
from ecgmodel.promotion.judging import Finding


def no_worse_or_good(
    rule: str,
    what: str,
    sides: Sequence[float],
    mark: Mark,
    tolerance: float,
    higher_is_better: bool = True,
) -> Finding:
    """Return whether a figure reaches its goal, or is no worse than the champion's.

    Where the champion reaches the goal, so must the challenger. Where it misses it, the challenger
    may lose the tolerance, but nothing below the first step: many small losses end there. A first
    model has to reach the first step.

    Args:
        rule: The rule's name.
        what: The figure's name.
        sides: The challenger's figure and the champion's, NaN for a first model.
        mark: The figure's goal and first step.
        tolerance: What may be lost against the champion, in the figure's unit.
        higher_is_better: The figure's direction.
    """
    ours, theirs = sides
    sign = 1 if higher_is_better else -1
    goal, step, held = sign * mark.goal, sign * mark.first_step, sign * theirs
    if np.isnan(theirs):
        least = step
    elif held >= goal:
        least = goal
    else:
        least = max(held - tolerance, min(held, step))
    limit = sign * least
    if np.isnan(ours):
        text = f"{what}: there is no figure, so nothing can be proven."
        return Finding(rule, what, False, None, limit, text)
    passed = bool(sign * ours >= least)
    verb = "keeps" if passed else "fails"
    bound = "at least" if higher_is_better else "at most"
    text = f"It {verb} {what}: {ours:.4g}, {bound} {limit:.4g} asked for."
    return Finding(rule, what, passed, ours, limit, text)
