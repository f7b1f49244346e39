"""Goals that a protocol sets, and whether a result reaches them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
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


def against_goals(
    summary: pd.DataFrame, goals: Mapping[str, Goal], metrics: Mapping[str, Metric]
) -> pd.DataFrame:
    """Return how a summary's means stand to the goals.

    Args:
        summary: One row a method and metric, with the columns `method`, `metric`, `mean`.
        goals: By metric.
        metrics: What the metrics mean; they say which direction is better.

    Returns:
        One row a method and metric with a goal: `method`, `metric`, `mean`, `first_step`, `goal`,
        `passes_first_step`, `passes_goal`. A mean that is NaN passes nothing.
    """
    table = summary.loc[summary["metric"].isin(list(goals)), ["method", "metric", "mean"]].copy()
    # Not `Series.map`: of an empty column it makes texts, which cannot be compared with means.
    goal_of = [goals[name] for name in table["metric"]]
    better = [metrics[name].higher_is_better for name in table["metric"]]
    sign = np.where(np.array(better, bool), 1.0, -1.0)
    for name in ("first_step", "goal"):
        table[name] = np.array([getattr(goal, name) for goal in goal_of], float)
    for name in ("first_step", "goal"):
        table[f"passes_{name}"] = sign * table["mean"] > sign * table[name]
    inclusive = np.array([goal.inclusive for goal in goal_of], bool)
    table["passes_goal"] |= inclusive & (table["mean"] == table["goal"])
    return table.reset_index(drop=True)
