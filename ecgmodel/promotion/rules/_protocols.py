"""What rules about benchmark protocols share: a figure reaches the goal, or is no worse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ecgmodel.promotion.judging import Finding
from ecgmodel.protocols._marks import Goal

MISSING = float("nan")


def no_worse_or_good(
    rule: str,
    what: str,
    sides: Sequence[float],
    mark: Goal,
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
    return reached(rule, what, ours, sign * least, higher_is_better)


def reached(
    rule: str, what: str, value: float, limit: float, higher_is_better: bool = True
) -> Finding:
    """Return whether a figure reaches its limit; NaN reaches none.

    Args:
        rule: The rule's name.
        what: The figure's name.
        value: The figure.
        limit: What it has to reach, or must not exceed.
        higher_is_better: The figure's direction.
    """
    if np.isnan(value):
        text = f"{what}: there is no figure, so nothing can be proven."
        return Finding(rule, what, False, None, limit, text)
    passed = bool(value >= limit if higher_is_better else value <= limit)
    verb = "keeps" if passed else "fails"
    bound = "at least" if higher_is_better else "at most"
    text = f"It {verb} {what}: {value:.4g}, {bound} {limit:.4g} asked for."
    return Finding(rule, what, passed, value, limit, text)


def means(summary: pd.DataFrame) -> dict[str, float]:
    """Return the means of a protocol's table "all" by metric."""
    return {str(name): float(mean) for name, mean in summary.set_index("metric")["mean"].items()}
