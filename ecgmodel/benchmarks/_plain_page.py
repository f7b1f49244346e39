"""A page of tables alone: methods down, metrics or cells across."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ecgmodel.benchmarks._page import Section
from ecgmodel.benchmarks._tables import by_cell, by_metric, column, with_best
from ecgmodel.evaluation.metrics import Metric


def section(
    title: str,
    text: str,
    table: pd.DataFrame,
    metrics: Mapping[str, Metric],
    names: Sequence[str],
    spread: str = "std",
) -> Section:
    """Return a table of metrics; arguments as for `_tables.by_metric`."""
    rows = by_metric(table, metrics, names, spread=spread)
    columns = ("Method", *(column(metrics[name]) for name in names))
    best = with_best({"": rows}, [metrics[name].higher_is_better for name in names])
    return Section(title, text, columns, best)


def cell_section(metric: Metric, table: pd.DataFrame, cell: str, names: Sequence[Any]) -> Section:
    """Return a table of one metric by cell; arguments as for `_tables.by_cell`."""
    rows = by_cell(table, cell, names, metric.digits)
    best = with_best({"": rows}, [metric.higher_is_better] * len(names))
    return Section(column(metric), "", ("Method", *map(str, names)), best)


def best_lead(table: pd.DataFrame, metrics: Mapping[str, Metric], name: str) -> str:
    """Return who is best in a metric, in a sentence."""
    chosen = table[table["metric"] == name].dropna(subset=["mean"])
    if chosen.empty:
        return "Nothing was measured."
    metric = metrics[name]
    means = dict(zip(chosen["method"], chosen["mean"], strict=True))
    best = (max if metric.higher_is_better else min)(means, key=lambda method: means[method])
    unit = f" {metric.unit}" if metric.unit else ""
    return f"{metric.label}: best is {best} with {means[best]:.{metric.digits}f}{unit}."
