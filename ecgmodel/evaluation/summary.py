"""Summaries of the table of segments: means, intervals over subjects, and the worst record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgmodel.errors import DatasetError
from ecgmodel.evaluation.metrics import METRICS, Metric
from ecgmodel.support.randomness import generator

CELLS = ("noise_type", "snr_db")
DRAWS = 1000
MIN_SUBJECTS = 3
NOISE_ORDER = ("bw", "ma", "em", "mixed")
NO_NOISE = "none"
SUMMARY_COLUMNS = (
    *("method", "metric", "mean", "std", "median", "low", "high"),
    *("subjects", "segments", "worst_record", "worst_mean"),
)


def summarise(
    table: pd.DataFrame,
    by: Sequence[str] = CELLS,
    draws: int = DRAWS,
    seed: int = 0,
    metrics: Mapping[str, Metric] = METRICS,
) -> pd.DataFrame:
    """Summarise the table of segments by method and by the given columns.

    The 95 % interval of the mean over segments is a percentile bootstrap over *subjects* (Efron
    and Tibshirani 1993): subjects are drawn with replacement, each with all of its segments. The
    draws depend only on the seed and the names of the subjects, so that methods and cells with
    the same subjects have the same draws. Fewer than three subjects give no interval.

    Args:
        table: One row per segment and method, as `evaluate_method` returns it.
        by: Columns that define the cells; `()` summarises each method as a whole.
        draws: Bootstrap resamplings.
        seed: Seed of the bootstrap.
        metrics: The columns to summarise, with their descriptions.

    Returns:
        One row per method, cell and metric: `method`, the columns of `by`, `metric`, `mean`,
        `std`, `median`, `low`, `high` (NaN without an interval), `subjects`, `segments` (those
        with a value of the metric), `worst_record` and `worst_mean` (the record with the worst
        mean). Methods keep the order of the table; cells are sorted, with "none" last.

    Raises:
        DatasetError: The table has no rows, or a column is missing.
    """
    known = {name: metric for name, metric in metrics.items() if name in table}
    _check(table, ("method", "record", "subject", *by), list(known))
    rows: list[dict[str, Any]] = []
    for keys, group in table.groupby(["method", *by], sort=False, dropna=False):
        cell = dict(zip(("method", *by), keys, strict=True))
        rows += [{**cell, **row} for row in _summarise_group(group, known, draws, seed)]
    return _sorted(pd.DataFrame(rows), list(table["method"].unique()), by, list(metrics))


def compare(
    table: pd.DataFrame,
    method: str,
    against: str,
    metric: str = "snr_improvement",
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, float]:
    """Return the mean paired difference between two methods on the same segments.

    Args:
        table: One row per segment and method.
        method: The method of interest.
        against: The method it is compared with.
        metric: A column of the table.
        draws: Bootstrap resamplings of the subjects.
        seed: Seed of the bootstrap.

    Returns:
        `mean`, `low`, `high` of the paired difference (`method` minus `against`), and `subjects`.

    Raises:
        DatasetError: A column is missing, or no segment was measured with both methods.
    """
    _check(table, ("method", "record", "subject", "lead", "start", *CELLS), [metric])
    where = ["record", "subject", "lead", "start", *CELLS]
    sides = [
        table.loc[table["method"] == name, [*where, metric]].set_index(where)[metric]
        for name in (method, against)
    ]
    difference = (sides[0] - sides[1]).dropna()
    if difference.empty:
        raise DatasetError(
            f"No segment has a value of {metric} for both {method!r} and {against!r}. Evaluate "
            "both methods on the same shards."
        )
    subjects = difference.index.get_level_values("subject").to_numpy()
    values = difference.to_numpy(dtype=np.float64)[:, None]
    low, high = subject_interval(values, subjects, draws, seed)
    return {
        "mean": float(values.mean()),
        "low": float(low[0]),
        "high": float(high[0]),
        "subjects": float(len(np.unique(subjects))),
    }


def subject_interval(
    values: NDArray[Any], subjects: NDArray[Any], draws: int = DRAWS, seed: int = 0
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the 95 % interval of the columns' means by bootstrap over subjects.

    Args:
        values: `(rows, metrics)`; NaN where a metric is undefined.
        subjects: The subject of each row, `(rows,)`.
        draws: Bootstrap resamplings.
        seed: Seed of the bootstrap.

    Returns:
        Lower and upper ends, `(metrics,)` each; NaN for fewer than three subjects.
    """
    names, codes = np.unique(subjects.astype(str), return_inverse=True)
    if len(names) < MIN_SUBJECTS:
        nothing = np.full(values.shape[1], np.nan)
        return nothing, nothing.copy()
    known = ~np.isnan(values)
    member = (codes == np.arange(len(names))[:, None]).astype(np.float64)
    sums, counts = member @ np.where(known, values, 0.0), member @ known
    chances = np.full(len(names), 1 / len(names))
    picks = generator(seed, "bootstrap", *names).multinomial(len(names), chances, size=draws)
    drawn = picks @ counts
    means = np.where(drawn > 0, picks @ sums / np.maximum(drawn, 1), np.nan)
    empty = np.isnan(means).all(axis=0)
    low, high = np.nanquantile(np.where(empty, 0.0, means), [0.025, 0.975], axis=0)
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def noisy_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with added noise."""
    return table[table["noise_type"] != NO_NOISE]


def pivot(summary: pd.DataFrame, metric: str, value: str = "mean") -> pd.DataFrame:
    """Return one value of a summary as a table of cells (rows) by methods (columns), in order.

    Args:
        summary: From `summarise`.
        metric: A name of `METRICS`.
        value: A column of the summary, e.g. "mean" or "low".
    """
    chosen = summary[summary["metric"] == metric]
    cells = [c for c in chosen if c not in SUMMARY_COLUMNS]
    methods = chosen["method"].unique()
    if not cells:
        return chosen.set_index("method")[[value]].T
    # Pivot by row numbers instead of cells, since pandas does not handle an SNR of NaN.
    number = chosen.groupby(cells, sort=False, dropna=False).ngroup()
    wide = chosen.assign(cell=number).pivot(index="cell", columns="method", values=value)
    index = chosen.assign(cell=number).drop_duplicates("cell").set_index("cell").loc[wide.index]
    wide.index = (
        pd.MultiIndex.from_frame(index[cells]) if len(cells) > 1 else pd.Index(index[cells[0]])
    )
    return wide[methods]


def best_method(table: pd.DataFrame, among: Sequence[str]) -> str:
    """Return the method with the largest mean SNR improvement over all noisy segments.

    Raises:
        DatasetError: The table has no noisy segment of these methods.
    """
    rows = noisy_rows(table)
    means = rows[rows["method"].isin(among)].groupby("method")["snr_improvement"].mean()
    if means.dropna().empty:
        raise DatasetError(
            f"The table has no noisy segment of the methods {', '.join(among)}. Evaluate them on a "
            "test set with noise."
        )
    return str(means.idxmax())


def as_text(summary: pd.DataFrame) -> str:
    """Return the result table for a terminal.

    Args:
        summary: From `summarise` with the default cells.

    Returns:
        Mean SNR improvement (dB) by noise type and SNR (rows) and method (columns), with a star at
        the best of each row; its mean and the mean RMSE (mV) over all noisy segments; and the mean
        output SNR (dB) of the segments without added noise.
    """
    noisy = noisy_rows(summary)
    improvement, error = pivot(noisy, "snr_improvement"), pivot(noisy, "rmse")
    methods = list(error.columns)
    improvement[[method for method in methods if method == NO_NOISE]] = np.nan
    body = []
    for (noise, snr_db), (_, values) in zip(improvement.index, improvement.iterrows(), strict=True):
        body.append([noise, f"{snr_db:g}", *_texts(values, 1)])
    counts = pivot(noisy, "snr_improvement", "segments"), pivot(noisy, "rmse", "segments")
    body.append(["all", "", *_texts(_overall(improvement, counts[0]), 1)])
    tail = [["RMSE, mV", "", *_texts(_overall(error, counts[1]), 3, higher=False)]]
    untouched = pivot(summary[summary["noise_type"] == NO_NOISE], "snr_out")
    if len(untouched):
        tail.append(["no noise added: SNR out", "", *_texts(untouched.iloc[0], 1)])
    header = ["noise", "SNR", *map(method_label, methods)]
    lines = _aligned([header, *body, *tail])
    title = "Mean SNR improvement (dB) by noise type and SNR (dB) of the segment; * = best of a row"
    return "\n".join([title, *lines[: -len(tail)], "", *lines[-len(tail) :]])


def method_label(method: str) -> str:
    """Return the display name of a method."""
    return "no filter" if method == NO_NOISE else method


def _overall(means: pd.DataFrame, counts: pd.DataFrame) -> pd.Series[float]:
    """Return the mean of each method over all segments, from the means of the cells."""
    weights = counts.where(means.notna(), 0)
    return (means * weights).sum(min_count=1) / weights.sum()


def _texts(values: pd.Series[float], digits: int, higher: bool = True) -> list[str]:
    """Return one text per method, the best one with a star."""
    best = values.max() if higher else values.min()
    return [
        "-" if np.isnan(value) else f"{value:.{digits}f}{'*' if value == best else ''}"
        for value in values
    ]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as aligned lines: first column left, others right, stars after the digits."""
    cells = [[row[0], *(t if t.endswith("*") else f"{t} " for t in row[1:])] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for first, *others in cells:
        texts = [t.rjust(width) for t, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *texts]).rstrip())
    return lines


def _check(table: pd.DataFrame, columns: Sequence[str], metrics: Sequence[str]) -> None:
    missing = [name for name in (*columns, *metrics) if name not in table]
    if missing or not metrics or table.empty:
        raise DatasetError(
            "Expected a table with one row per segment and method, with the columns "
            f"{', '.join(columns)} and metrics. Missing: {missing}; rows: {len(table)}"
        )


def _summarise_group(
    group: pd.DataFrame, metrics: Mapping[str, Metric], draws: int, seed: int
) -> list[dict[str, Any]]:
    values = group[list(metrics)].to_numpy(dtype=np.float64)
    subjects = group["subject"].to_numpy()
    low, high = subject_interval(values, subjects, draws, seed)
    records = group.groupby("record")[list(metrics)].mean()
    rows = []
    for i, (metric, meaning) in enumerate(metrics.items()):
        known = ~np.isnan(values[:, i])
        by_record = records[metric].dropna()
        worst: Any = None
        if known.any():
            worst = by_record.idxmin() if meaning.higher_is_better else by_record.idxmax()
        rows.append(
            {
                "metric": metric,
                "mean": values[known, i].mean() if known.any() else np.nan,
                "std": values[known, i].std() if known.any() else np.nan,
                "median": np.median(values[known, i]) if known.any() else np.nan,
                "low": low[i],
                "high": high[i],
                "subjects": len(np.unique(subjects[known].astype(str))),
                "segments": int(known.sum()),
                "worst_record": worst,
                "worst_mean": float(by_record.loc[worst]) if worst is not None else np.nan,
            }
        )
    return rows


def _sorted(
    summary: pd.DataFrame, methods: Sequence[str], by: Sequence[str], metrics: Sequence[str]
) -> pd.DataFrame:
    """Sort by method (in the given order), cell and metric, with "none" last."""
    noises = [*NOISE_ORDER, *sorted(set(summary.get("noise_type", ())) - {*NOISE_ORDER, NO_NOISE})]
    orders: dict[str, Sequence[str]] = {
        "method": list(methods),
        "noise_type": [*noises, NO_NOISE],
        "metric": metrics,
    }

    def position(column: pd.Series[Any]) -> pd.Series[Any]:
        order = orders.get(str(column.name))
        return column.map(order.index) if order is not None else column

    columns = ["method", *by, "metric"]
    return summary.sort_values(columns, key=position, kind="stable", ignore_index=True)
