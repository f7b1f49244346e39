"""Marks that a protocol sets, and whether a result reaches them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from ecgmodel.evaluation.metrics import Metric


@dataclass(frozen=True)
class Goal:
    """What a metric's mean has to pass, strictly, in the metric's better direction.

    Attributes:
        goal: The goal.
        first_step: What has to be passed on the way.
        inclusive: Whether a goal that is just met counts as passed ("at least", "at most").
    """

    goal: float
    first_step: float
    inclusive: bool = False


def against_marks(
    summary: pd.DataFrame, marks: Mapping[str, Goal], metrics: Mapping[str, Metric]
) -> pd.DataFrame:
    """Return how a summary's means stand to the marks.

    Args:
        summary: One row a method and metric, with the columns `method`, `metric`, `mean`.
        marks: By metric.
        metrics: What the metrics mean; they say which direction is better.

    Returns:
        One row a method and marked metric: `method`, `metric`, `mean`, `first_step`, `goal`,
        `passes_first_step`, `passes_goal`. A mean that is NaN passes nothing.
    """
    table = summary.loc[summary["metric"].isin(list(marks)), ["method", "metric", "mean"]].copy()
    sign = table["metric"].map(lambda name: 1.0 if metrics[name].higher_is_better else -1.0)
    for name in ("first_step", "goal"):
        table[name] = table["metric"].map({m: getattr(mark, name) for m, mark in marks.items()})
    for name in ("first_step", "goal"):
        table[f"passes_{name}"] = sign * table["mean"] > sign * table[name]
    inclusive = table["metric"].map({metric: mark.inclusive for metric, mark in marks.items()})
    table["passes_goal"] |= inclusive & (table["mean"] == table["goal"])
    return table.reset_index(drop=True)
