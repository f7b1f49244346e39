"""Shared checks of rules about benchmark protocols: a result reaches its goal or is no worse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ecgmodel.promotion.judging import Finding
from ecgmodel.protocols._goals import Goal

MISSING = float("nan")


def no_worse_or_good(
    rule: str,
    what: str,
    sides: Sequence[float],
    target: Goal,
    tolerance: float,
    higher_is_better: bool = True,
) -> Finding:
    """Return whether a result reaches its goal, or is no worse than the champion's.

    If the champion reaches the goal, the challenger must reach it too. Otherwise the challenger may
    lose the tolerance, but not fall below the first step, which stops a series of small losses. A
    first model must reach the first step.

    Args:
        rule: Name of the rule.
        what: Name of the quantity.
        sides: Values of the challenger and of the champion, NaN for a first model.
        target: Goal and first step of the quantity.
        tolerance: Allowed loss against the champion, in the unit of the quantity.
        higher_is_better: Direction of the quantity.
    """
    ours, theirs = sides
    sign = 1 if higher_is_better else -1
    goal, step, champion = sign * target.goal, sign * target.first_step, sign * theirs
    if np.isnan(theirs):
        least = step
    elif champion >= goal:
        least = goal
    else:
        least = max(champion - tolerance, min(champion, step))
    return reached(rule, what, ours, sign * least, higher_is_better)


def reached(
    rule: str, what: str, value: float, limit: float, higher_is_better: bool = True
) -> Finding:
    """Return whether a value reaches its limit; NaN does not.

    Args:
        rule: Name of the rule.
        what: Name of the quantity.
        value: Value of the quantity.
        limit: Limit that the value must reach or not exceed.
        higher_is_better: Direction of the quantity.
    """
    if np.isnan(value):
        text = f"{what}: not measured, so the rule cannot be applied."
        return Finding(rule, what, False, None, limit, text)
    passed = bool(value >= limit if higher_is_better else value <= limit)
    verb = "passes" if passed else "fails"
    bound = "at least" if higher_is_better else "at most"
    text = f"The challenger {verb} on {what}: {value:.4g}; {bound} {limit:.4g} is required."
    return Finding(rule, what, passed, value, limit, text)


def means(summary: pd.DataFrame) -> dict[str, float]:
    """Return the means of a protocol's table "all", by metric."""
    return {str(name): float(mean) for name, mean in summary.set_index("metric")["mean"].items()}
