"""The goals of `leak-free`: how far a method lies above the best re-trained baseline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ecgmodel.evaluation.summary import DRAWS, NO_NOISE, compare, noisy_rows
from ecgmodel.protocols._goals import Goal
from ecgmodel.protocols._methods import BASELINES

METRIC = "snr_improvement"
GOAL_NOISE = "mixed"
LEVEL_GOAL = Goal(goal=1.5, first_step=0.0)
NOISE_GOAL = Goal(goal=0.0, first_step=0.0)
COLUMNS = (
    *("method", "noise_type", "snr_db", "metric", "mean", "best_baseline", "baseline_mean"),
    *("margin", "low", "high", "first_step", "goal", "passes_first_step", "passes_goal"),
)


def against_baselines(
    rows: pd.DataFrame, baselines: Sequence[str] = BASELINES, draws: int = DRAWS, seed: int = 0
) -> pd.DataFrame:
    """Return how the mean SNR improvement stands to that of the best baseline, cell by cell.

    With mixed noise a method has to lie at least 1.5 dB above the best baseline at each SNR; over
    all SNRs of each noise type it has to be best. A baseline is compared with the best other one.

    Args:
        rows: One row a segment and method.
        baselines: Methods to lie above; those that are in `rows` count.
        draws: Bootstrap draws over subjects.
        seed: Of the draws.

    Returns:
        One row a method (but "none") and cell: `method`, `noise_type`, `snr_db` (NaN for all),
        `metric`, `mean`, `best_baseline`, `baseline_mean`, `margin` (mean paired difference, dB)
        with its 95 % interval `low`, `high`, `first_step`, `goal`, `passes_first_step` (margin
        above 0) and `passes_goal`. No rows where there is no baseline to compare with.
    """
    noisy = noisy_rows(rows)
    found: list[dict[str, Any]] = []
    for where, goal, cell in _cells(noisy):
        means = cell.groupby("method", sort=False)[METRIC].mean().dropna()
        for method in (name for name in means.index if name != NO_NOISE):
            others = means[[name for name in means.index if name in baselines and name != method]]
            if others.empty:
                continue
            best = str(others.idxmax())
            margin = compare(cell, str(method), best, METRIC, draws, seed)
            found.append(
                {
                    **{"method": method, **where, "metric": METRIC, "mean": means[method]},
                    **{
                        "best_baseline": best,
                        "baseline_mean": means[best],
                        "margin": margin["mean"],
                    },
                    **{"low": margin["low"], "high": margin["high"]},
                    **{"first_step": goal.first_step, "goal": goal.goal},
                    "passes_first_step": margin["mean"] > goal.first_step,
                    "passes_goal": _passes(margin["mean"], goal),
                }
            )
    table = pd.DataFrame(found, columns=list(COLUMNS))
    order = {name: n for n, name in enumerate(rows["method"].unique())}
    return table.sort_values("method", key=lambda c: c.map(order), kind="stable", ignore_index=True)


def _cells(noisy: pd.DataFrame) -> Iterator[tuple[dict[str, Any], Goal, pd.DataFrame]]:
    """Yield the cells with a goal: mixed noise by SNR, then each noise type."""
    mixed = noisy[noisy["noise_type"] == GOAL_NOISE]
    for snr_db, cell in mixed.groupby("snr_db"):
        yield {"noise_type": GOAL_NOISE, "snr_db": snr_db}, LEVEL_GOAL, cell
    for noise_type, cell in noisy.groupby("noise_type", sort=False):
        yield {"noise_type": noise_type, "snr_db": np.nan}, NOISE_GOAL, cell


def _passes(margin: float, goal: Goal) -> bool:
    """Return whether a margin reaches the goal: "at least", but to be best it needs a lead."""
    return margin >= goal.goal if goal.goal > 0 else margin > 0
