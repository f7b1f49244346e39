"""What rules about benchmark protocols share: a figure reaches the goal, or is no worse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecgmodel.promotion.judging import Finding


def no_worse_or_good(
    rule: str,
    what: str,
    sides: Sequence[float],
    goal: float,
    tolerance: float,
    higher_is_better: bool = True,
) -> Finding:
    """Return whether a figure reaches its goal, or is no worse than the champion's.

    Args:
        rule: The rule's name.
        what: The figure's name.
        sides: The challenger's figure and the champion's; NaN leaves the goal alone.
        goal: What is good enough, whatever the champion has.
        tolerance: What may be lost against the champion, in the figure's unit.
        higher_is_better: The figure's direction.
    """
    ours, theirs = sides
    if np.isnan(ours):
        text = f"{what}: there is no figure, so nothing can be proven."
        return Finding(rule, what, False, None, goal, text)
    sign = 1 if higher_is_better else -1
    allowed = theirs - sign * tolerance
    limit = goal if np.isnan(theirs) else sign * min(sign * goal, sign * allowed)
    passed = bool(sign * ours >= sign * limit)
    verb = "keeps" if passed else "fails"
    bound = "at least" if higher_is_better else "at most"
    text = f"It {verb} {what}: {ours:.4g}, {bound} {limit:.4g} asked for."
    return Finding(rule, what, passed, ours, limit, text)
