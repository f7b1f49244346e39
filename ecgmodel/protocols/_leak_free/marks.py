"""The mark of `leak-free`: how far a method lies above the best of its re-run peers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ecgmodel.evaluation.summary import DRAWS, NO_NOISE, compare, noisy_rows
from ecgmodel.protocols._marks import Goal
from ecgmodel.protocols._methods import PEERS

METRIC = "snr_improvement"
MARKED_NOISE = "mixed"
LEVEL_MARK = Goal(goal=1.5, first_step=0.0)
NOISE_MARK = Goal(goal=0.0, first_step=0.0)
COLUMNS = (
    *("method", "noise_type", "snr_db", "metric", "mean", "best_peer", "peer_mean"),
    *("margin", "low", "high", "first_step", "goal", "passes_first_step", "passes_goal"),
)


def against_peers(
    rows: pd.DataFrame, peers: Sequence[str] = PEERS, draws: int = DRAWS, seed: int = 0
) -> pd.DataFrame:
    """Return how the mean SNR improvement stands to that of the best peer, cell by cell.

    With mixed noise a method has to lie at least 1.5 dB above the best peer at each SNR; over
    all SNRs of each noise type it has to be best. A peer is compared with the best other one.

    Args:
        rows: One row a stretch and method.
        peers: Who is a peer; those that are in `rows` count.
        draws: Bootstrap draws over subjects.
        seed: Of the draws.

    Returns:
        One row a method (but "none") and cell: `method`, `noise_type`, `snr_db` (NaN for all),
        `metric`, `mean`, `best_peer`, `peer_mean`, `margin` (mean paired difference, dB) with
        its 95 % interval `low`, `high`, `first_step`, `goal`, `passes_first_step` (margin above
        0) and `passes_goal`. No rows where there is nobody to compare with.
    """
    noisy = noisy_rows(rows)
    found: list[dict[str, Any]] = []
    for where, mark, cell in _cells(noisy):
        means = cell.groupby("method", sort=False)[METRIC].mean().dropna()
        for method in (name for name in means.index if name != NO_NOISE):
            others = means[[name for name in means.index if name in peers and name != method]]
            if others.empty:
                continue
            best = str(others.idxmax())
            margin = compare(cell, str(method), best, METRIC, draws, seed)
            found.append(
                {
                    **{"method": method, **where, "metric": METRIC, "mean": means[method]},
                    **{"best_peer": best, "peer_mean": means[best], "margin": margin["mean"]},
                    **{"low": margin["low"], "high": margin["high"]},
                    **{"first_step": mark.first_step, "goal": mark.goal},
                    "passes_first_step": margin["mean"] > mark.first_step,
                    "passes_goal": _passes(margin["mean"], mark),
                }
            )
    table = pd.DataFrame(found, columns=list(COLUMNS))
    order = {name: n for n, name in enumerate(rows["method"].unique())}
    return table.sort_values("method", key=lambda c: c.map(order), kind="stable", ignore_index=True)


def _cells(noisy: pd.DataFrame) -> Iterator[tuple[dict[str, Any], Goal, pd.DataFrame]]:
    """Yield the marked cells: mixed noise by SNR, then each noise type."""
    marked = noisy[noisy["noise_type"] == MARKED_NOISE]
    for snr_db, cell in marked.groupby("snr_db"):
        yield {"noise_type": MARKED_NOISE, "snr_db": snr_db}, LEVEL_MARK, cell
    for noise_type, cell in noisy.groupby("noise_type", sort=False):
        yield {"noise_type": noise_type, "snr_db": np.nan}, NOISE_MARK, cell


def _passes(margin: float, mark: Goal) -> bool:
    """Return whether a margin reaches the goal: "at least", but to be best it needs a lead."""
    return margin >= mark.goal if mark.goal > 0 else margin > 0
