"""Tidy tables as lines of a page: methods down, metrics or cells across, the best marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ecgmodel.evaluation.metrics import Metric
from ecgmodel.protocols._page import Row


def by_metric(
    table: pd.DataFrame,
    metrics: Mapping[str, Metric],
    names: Sequence[str],
    own: Sequence[str] = (),
    spread: str = "std",
) -> list[Row]:
    """Return a line a method with its means, and its spread in small.

    Args:
        table: One row a method and metric, with `mean` and what `spread` names.
        metrics: What the columns mean.
        names: Which metrics, in order.
        own: Methods that are this project's.
        spread: A column, or "interval" for `low` and `high`.
    """
    rows = []
    for method in table["method"].unique():
        cell = table[table["method"] == method].set_index("metric")
        means, spreads = [], []
        for name in names:
            digits = metrics[name].digits
            means.append(text(cell["mean"].get(name), digits))
            if spread == "interval":
                spreads.append(interval(cell["low"].get(name), cell["high"].get(name), digits))
            else:
                spreads.append(text(cell[spread].get(name), digits))
        rows.append(Row((str(method), *means), ("", *spreads), method in own))
    return rows


def by_cell(
    table: pd.DataFrame,
    cell: str,
    names: Sequence[Any],
    digits: int,
    own: Sequence[str] = (),
) -> list[Row]:
    """Return a line a method with the mean of each cell; methods without any are left out.

    Args:
        table: One row a method and cell, of one metric, with `mean`.
        cell: The column that names the cell.
        names: Which cells, in order.
        digits: Decimal places.
        own: Methods that are this project's.
    """
    rows = []
    for method in table["method"].unique():
        mean = table[table["method"] == method].set_index(cell)["mean"]
        texts = [text(mean.get(name), digits) for name in names]
        if any(texts):
            rows.append(Row((str(method), *texts), own=method in own))
    return rows


def with_best(groups: Mapping[str, Sequence[Row]], higher: Sequence[bool]) -> dict[str, list[Row]]:
    """Return the lines with the best text of each column, over all groups, marked.

    Args:
        groups: Lines by heading.
        higher: Of each column after the first, whether more is better.
    """
    every = [row for rows in groups.values() for row in rows]
    best: list[float] = []
    for at, more in enumerate(higher, start=1):
        values = [float(row.cells[at]) for row in every if row.cells[at]]
        best.append((max if more else min)(values) if values else np.nan)
    return {
        name: [
            Row(
                row.cells,
                row.notes,
                row.own,
                frozenset(
                    at
                    for at, value in enumerate(best, start=1)
                    if row.cells[at] and float(row.cells[at]) == value
                ),
            )
            for row in rows
        ]
        for name, rows in groups.items()
    }


def column(metric: Metric) -> str:
    """Return a metric's name and unit."""
    return metric.label + (f", {metric.unit}" if metric.unit else "")


def text(value: Any, digits: int) -> str:
    """Return a number, nothing where there is none; what rounds to zero has no sign."""
    return "" if value is None or np.isnan(value) else f"{value:z.{digits}f}"


def interval(low: Any, high: Any, digits: int) -> str:
    """Return an interval, nothing where there is none."""
    ends = [text(end, digits) for end in (low, high)]
    return " to ".join(ends) if all(ends) else ""


def span(seconds: float | None) -> str:
    """Return a time as people say it: "45 s", "20 min", "1.5 h"; nothing for None."""
    if seconds is None:
        return ""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"
