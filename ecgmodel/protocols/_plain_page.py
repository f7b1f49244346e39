"""Parts of a page that several protocols have: tables, the lead, marks, and a method's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from ecgmodel.evaluation.metrics import Metric
from ecgmodel.evaluation.summary import method_label
from ecgmodel.protocols._costs import cost_section
from ecgmodel.protocols._methods import own, shown
from ecgmodel.protocols._page import AGAINST_MARKS, Page, Row, Section
from ecgmodel.protocols._tables import by_cell, by_metric, column, text, with_best
from ecgmodel.store import Stored


def named(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose methods have their names for people."""
    return table.assign(method=table["method"].map(method_label))


def example_of(table: pd.DataFrame, metrics: Mapping[str, Metric], name: str) -> str:
    """Return the method whose traces are shown, by its mean in a metric; see `_methods.shown`."""
    return shown(_means(table, name), metrics[name].higher_is_better)


def methods_of(table: pd.DataFrame) -> list[str]:
    """Return a table's methods in its order."""
    return [str(method) for method in table["method"].unique()]


def section(
    title: str,
    words: str,
    table: pd.DataFrame,
    metrics: Mapping[str, Metric],
    names: Sequence[str],
    spread: str = "std",
) -> Section:
    """Return a table of metrics; arguments as for `_tables.by_metric`."""
    rows = by_metric(named(table), metrics, names, own(methods_of(table)), spread)
    columns = ("Method", *(column(metrics[name]) for name in names))
    best = with_best({"": rows}, [metrics[name].higher_is_better for name in names])
    return Section(title, words, columns, best)


def cell_section(
    metric: Metric, table: pd.DataFrame, cell: str, names: Sequence[Any], title: str = ""
) -> Section:
    """Return a table of one metric by cell; arguments as for `_tables.by_cell`."""
    rows = by_cell(named(table), cell, names, metric.digits, own(methods_of(table)))
    best = with_best({"": rows}, [metric.higher_is_better] * len(names))
    return Section(title or column(metric), "", ("Method", *map(str, names)), best)


def marks_section(
    method: str,
    table: pd.DataFrame,
    metrics: Mapping[str, Metric],
    words: str = "",
) -> Section:
    """Return how one method stands to the marks; `table` is from `_marks.against_marks`.

    Lines are in the order of `metrics`.
    """
    rows = []
    marked = table[table["method"] == method].set_index("metric")
    for key in (name for name in metrics if name in marked.index):
        metric, at = metrics[key], marked.loc[key]
        texts = [column(metric), text(at["mean"], metric.digits)]
        for name in ("first_step", "goal"):
            texts += [f"{at[name]:g}", "reached" if at[f"passes_{name}"] else "not reached"]
        rows.append(Row(tuple(texts)))
    columns = ("", method_label(method), "First step", "", "Goal", "")
    return Section(AGAINST_MARKS, words, columns, {"": rows})


def with_cost(
    page: Page,
    measured: Sequence[Stored],
    table: pd.DataFrame,
    metrics: Mapping[str, Metric],
    names: Sequence[str],
) -> Page:
    """Return a page with what each method costs beside its means.

    Args:
        page: Without it.
        measured: The methods.
        table: One row a method and metric, with `mean`.
        metrics: What the columns mean.
        names: Those that stand beside the cost.
    """
    costs = cost_section(measured, quality(table, metrics, names))
    return replace(page, sections=[*page.sections, costs]) if costs.rows else page


def quality(
    table: pd.DataFrame, metrics: Mapping[str, Metric], names: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Return each method's means as text, by heading of a column; arguments as for `with_cost`."""
    return {
        column(metrics[name]): {
            method: text(mean, metrics[name].digits) for method, mean in _means(table, name).items()
        }
        for name in names
    }


def best_lead(table: pd.DataFrame, metrics: Mapping[str, Metric], name: str) -> str:
    """Return who is best in a metric, in a sentence, and where the first own network is."""
    means = _means(table, name)
    if not means:
        return "Nothing was measured."
    metric = metrics[name]
    best = (max if metric.higher_is_better else min)(means, key=lambda method: means[method])
    unit = f" {metric.unit}" if metric.unit else ""
    figures = {m: f"{mean:.{metric.digits}f}{unit}" for m, mean in means.items()}
    said = [f"{metric.label}: best is {method_label(best)} with {figures[best]}"]
    said += [f"{method} has {figures[method]}" for method in own(list(means))[:1] if method != best]
    return "; ".join(said) + "."


def _means(table: pd.DataFrame, metric: str) -> dict[str, float]:
    """Return the means of a metric by method, in the table's order; NaN ones are left out."""
    means = table[table["metric"] == metric].set_index("method")["mean"].dropna()
    return {str(method): float(mean) for method, mean in means.items()}
