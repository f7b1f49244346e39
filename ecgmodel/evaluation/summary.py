"""From one row a stretch to tables: means, intervals by subject, the worst record."""

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
    *("subjects", "stretches", "worst_record", "worst_mean"),
)


def summarise(
    table: pd.DataFrame,
    by: Sequence[str] = CELLS,
    draws: int = DRAWS,
    seed: int = 0,
    metrics: Mapping[str, Metric] = METRICS,
) -> pd.DataFrame:
    """Summarise the table of stretches by method and by the columns named.

    The 95 % interval is that of the mean over stretches, by percentile bootstrap over *subjects*
    (Efron and Tibshirani 1993): subjects are drawn with replacement, each with all of its
    stretches. The draws follow from the seed and the subjects' names, so every method and cell
    with the same subjects meets the same draws. Fewer than three subjects give no interval.

    Args:
        table: One row a stretch and method, as `evaluate_method` returns it.
        by: Columns that define the cells; `()` summarises each method as a whole.
        draws: Bootstrap draws.
        seed: Of the draws.
        metrics: The columns to summarise, and what they mean.

    Returns:
        One row a method, cell and metric: `method`, the columns of `by`, `metric`, `mean`, `std`,
        `median`, `low`, `high` (NaN without an interval), `subjects`, `stretches` (those that
        define the metric), `worst_record` and `worst_mean` (the record with the worst mean).
        Methods stay in the table's order, cells are sorted, "none" comes last.

    Raises:
        DatasetError: The table has no rows, or lacks a column.
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
    """Return how much better a method is than another on the same stretches.

    Args:
        table: One row a stretch and method.
        method: The method in question.
        against: The method that it is compared with.
        metric: A column of the table.
        draws: Bootstrap draws over subjects.
        seed: Of the draws.

    Returns:
        `mean`, `low`, `high` of the paired difference (`method` less `against`), and `subjects`.

    Raises:
        DatasetError: A column is missing, or no stretch has both methods.
    """
    _check(table, ("method", "record", "subject", "lead", "start", *CELLS), [metric])
    where = ["record", "subject", "lead", "start", *CELLS]
    sides = [
        table.loc[table["method"] == name, [*where, metric]].set_index(where)[metric]
        for name in (method, against)
    ]
    difference = (sides[0] - sides[1]).dropna()
    if difference.empty:
        raise DatasetError(f"No stretch has {metric} of both {method!r} and {against!r}.")
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
        values: `(rows, metrics)`; NaN where a row does not define a metric.
        subjects: The subject of each row, `(rows,)`.
        draws: Bootstrap draws.
        seed: Of the draws.

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
    """Return the rows to which noise was added."""
    return table[table["noise_type"] != NO_NOISE]


def pivot(summary: pd.DataFrame, metric: str, value: str = "mean") -> pd.DataFrame:
    """Return one value of a summary with cells as rows and methods as columns, in order.

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
    # Row numbers stand in for the cells meanwhile: pandas loses its way where an SNR is NaN.
    number = chosen.groupby(cells, sort=False, dropna=False).ngroup()
    wide = chosen.assign(cell=number).pivot(index="cell", columns="method", values=value)
    index = chosen.assign(cell=number).drop_duplicates("cell").set_index("cell").loc[wide.index]
    wide.index = (
        pd.MultiIndex.from_frame(index[cells]) if len(cells) > 1 else pd.Index(index[cells[0]])
    )
    return wide[methods]


def best_method(table: pd.DataFrame, among: Sequence[str]) -> str:
    """Return the method with the largest mean SNR improvement over all noise.

    Raises:
        DatasetError: The table holds none of the methods.
    """
    rows = noisy_rows(table)
    means = rows[rows["method"].isin(among)].groupby("method")["snr_improvement"].mean()
    if means.dropna().empty:
        raise DatasetError(f"The table has no noisy stretch of any of {tuple(among)}.")
    return str(means.idxmax())


def as_text(summary: pd.DataFrame) -> str:
    """Return the result table for a terminal.

    Args:
        summary: From `summarise` with the default cells.

    Returns:
        Mean SNR improvement (dB) with methods as columns and noise x SNR as rows, the best of
        each row marked with a star, then the mean over all noisy segments and the mean RMSE (mV)
        over the same, and the SNR that is left where no noise was added.
    """
    noisy = noisy_rows(summary)
    improvement, error = pivot(noisy, "snr_improvement"), pivot(noisy, "rmse")
    methods = list(error.columns)
    improvement[[method for method in methods if method == NO_NOISE]] = np.nan
    body = []
    for (noise, snr_db), (_, values) in zip(improvement.index, improvement.iterrows(), strict=True):
        body.append([noise, f"{snr_db:g}", *_texts(values, 1)])
    counts = pivot(noisy, "snr_improvement", "stretches"), pivot(noisy, "rmse", "stretches")
    body.append(["all", "", *_texts(_overall(improvement, counts[0]), 1)])
    tail = [["RMSE, mV", "", *_texts(_overall(error, counts[1]), 3, higher=False)]]
    untouched = pivot(summary[summary["noise_type"] == NO_NOISE], "snr_out")
    if len(untouched):
        tail.append(["no noise: SNR out", "", *_texts(untouched.iloc[0], 1)])
    header = ["noise", "SNR", *map(method_label, methods)]
    lines = _aligned([header, *body, *tail])
    title = "Mean SNR improvement, dB, by noise type and SNR of the stretch (* best)"
    return "\n".join([title, *lines[: -len(tail)], "", *lines[-len(tail) :]])


def method_label(method: str) -> str:
    """Return a method's name for people."""
    return "no filter" if method == NO_NOISE else method


def _overall(means: pd.DataFrame, counts: pd.DataFrame) -> pd.Series[float]:
    """Return each method's mean over all segments from the means of the cells."""
    weights = counts.where(means.notna(), 0)
    return (means * weights).sum(min_count=1) / weights.sum()


def _texts(values: pd.Series[float], digits: int, higher: bool = True) -> list[str]:
    """Return one text a method, the best one starred."""
    best = values.max() if higher else values.min()
    return [
        "-" if np.isnan(value) else f"{value:.{digits}f}{'*' if value == best else ''}"
        for value in values
    ]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines: first column to the left, others to the right, stars hanging."""
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
            "Expected a table with one row a stretch and method, and with columns "
            f"{tuple(columns)} and metrics. Missing: {missing}; rows: {len(table)}"
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
                "stretches": int(known.sum()),
                "worst_record": worst,
                "worst_mean": float(by_record.loc[worst]) if worst is not None else np.nan,
            }
        )
    return rows


def _sorted(
    summary: pd.DataFrame, methods: Sequence[str], by: Sequence[str], metrics: Sequence[str]
) -> pd.DataFrame:
    """Sort by method (in the given order), cell and metric; "none" comes last."""
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
