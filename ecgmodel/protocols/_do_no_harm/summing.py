"""From measured windows, beats and records to the protocol's figures, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgmodel.evaluation.detection import Counts
from ecgmodel.evaluation.metrics import Metric
from ecgmodel.evaluation.summary import MIN_SUBJECTS
from ecgmodel.support.randomness import generator

Array = NDArray[Any]

QUANTILES: Mapping[str, tuple[str, float]] = {
    "shape": ("shape", 0.5),
    "st_median": ("st", 0.5),
    "st_99": ("st", 0.99),
    "qrs": ("qrs", 0.5),
}
"""By metric, the quantity that it is a quantile of."""

COUNTED = ("matched", "missed", "false")
LOSS = "f1_loss"


def summed(
    rows: pd.DataFrame, by: Sequence[str], draws: int, seed: int, metrics: Mapping[str, Metric]
) -> pd.DataFrame:
    """Return the protocol's figures.

    Args:
        rows: From `measuring.evaluate`.
        by: Columns that define the cells.
        draws: Bootstrap draws over subjects; 0 gives no intervals.
        seed: Of the draws.
        metrics: What they mean; they say which record is the worst.

    Returns:
        One row a method, cell and metric with `mean` (the metric's figure), `std` (NaN: these are
        no means), `low`, `high` (95 % over subjects; NaN for fewer than three), `subjects`,
        `count` (windows, beats or reference beats), `worst_record`, `worst_mean`.
    """
    found = []
    for keys, group in rows.groupby(["method", *by], sort=False):
        cell = dict(zip(("method", *by), keys, strict=True))
        for metric in metrics:
            chosen = group[group["quantity"].isin(_quantities(metric))]
            if len(chosen):
                row = _row(chosen, metric, draws, seed) | _worst(chosen, metrics[metric], metric)
                found.append(cell | {"metric": metric} | row)
    return pd.DataFrame(found)


def quantiles(values: Array, weights: Array, share: float) -> Array:
    """Return the weighted quantile of each row of weights: the least value that reaches the share.

    Args:
        values: `(n,)`.
        weights: `(draws, n)`, not negative.
        share: From 0 to 1.

    Returns:
        `(draws,)`; NaN where all weights of a row are zero.
    """
    order = np.argsort(values, kind="stable")
    result = np.full(len(weights), np.nan)
    for n, row in enumerate(weights):
        total = np.cumsum(row[order])
        if total[-1] > 0:
            result[n] = values[order[np.searchsorted(total, share * total[-1] - 1e-9)]]
    return result


def _quantities(metric: str) -> tuple[str, ...]:
    if metric == LOSS:
        return (*COUNTED, *(f"{name}_before" for name in COUNTED))
    return (QUANTILES[metric][0],)


def _row(chosen: pd.DataFrame, metric: str, draws: int, seed: int) -> dict[str, Any]:
    names, codes = np.unique(chosen["subject"].to_numpy(str), return_inverse=True)
    picks = np.ones((1, len(names)), np.int64)
    if draws and len(names) >= MIN_SUBJECTS:
        chances = np.full(len(names), 1 / len(names))
        rng = generator(seed, "bootstrap", *names)
        picks = np.concatenate([picks, rng.multinomial(len(names), chances, size=draws)])
    if metric == LOSS:
        figures, count = _losses(chosen, names, picks)
    else:
        values = chosen["value"].to_numpy(np.float64)
        weights = picks[:, codes]
        figures, count = quantiles(values, weights, QUANTILES[metric][1]), len(values)
    low, high = (np.nan, np.nan)
    if len(figures) > 1 and np.isfinite(figures[1:]).any():
        low, high = np.nanquantile(figures[1:], [0.025, 0.975])
    return {
        "mean": float(figures[0]),
        "std": np.nan,
        "low": float(low),
        "high": float(high),
        "subjects": len(names),
        "count": count,
    }


def _losses(chosen: pd.DataFrame, names: Array, picks: Array) -> tuple[Array, int]:
    """Return F1 before less F1 after for each row of picks, and the reference beats.

    Args:
        chosen: The rows of `COUNTED` and of the same "..._before".
        names: The subjects, sorted.
        picks: How often each subject is drawn, `(draws, subjects)`.
    """
    sums = chosen.groupby(["quantity", "subject"])["value"].sum()

    def f1(suffix: str) -> tuple[Array, float]:
        counts = [sums[f"{name}{suffix}"][list(names)].to_numpy(np.float64) for name in COUNTED]
        drawn = zip(*(picks @ of for of in counts), strict=True)
        return np.array([Counts(*map(int, c)).f1 for c in drawn]), counts[0].sum() + counts[1].sum()

    after, beats = f1("")
    return f1("_before")[0] - after, int(beats)


def _worst(chosen: pd.DataFrame, meaning: Metric, metric: str) -> dict[str, Any]:
    figures = {str(n): _row(part, metric, 0, 0)["mean"] for n, part in chosen.groupby("record")}
    known = {name: value for name, value in figures.items() if np.isfinite(value)}
    if not known:
        return {"worst_record": None, "worst_mean": np.nan}
    worst = (min if meaning.higher_is_better else max)(known, key=lambda name: known[name])
    return {"worst_record": worst, "worst_mean": known[worst]}
