"""What a protocol's page is put together from: a function makes a section of the results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pandas as pd

from ecgmodel.evaluation.metrics import Metric
from ecgmodel.evaluation.summary import method_label
from ecgmodel.protocols._methods import own, shown
from ecgmodel.protocols._page import AGAINST_GOALS, Row, Section
from ecgmodel.protocols._tables import by_cell, by_metric, column, span, text, with_best

Pictures = Mapping[str, Mapping[str, str]]
COLUMNS = ("Parameters", "Million MACs/s", "Training", "Speed", "Memory, MB")
COST_TEXT = (
    "Multiply-accumulates per second of one lead, overlap included. Training: of one network, and "
    "on what. Speed: seconds of ECG cleaned in a second, taken while the figures of this page were "
    "measured, one method at a time; what it ran on stands under it, and only figures of the same "
    "machine can be compared. Memory: the most that cleaning an hour of one "
    "lead holds beyond libraries and recording, in a process of its own. Empty: not known."
)


@dataclass(frozen=True)
class Results:
    """All that was measured by a protocol.

    Attributes:
        metrics: What the columns mean.
        primary: The metric that decides which method is best.
        tables: From `Protocol.tables`.
        rows: What they were made of.
        costs: By method that was timed, what it costs; see `_costs`.
        filters: Methods that are filters of the protocol's own.
        read: Reads a method's examples.
    """

    metrics: Mapping[str, Metric]
    primary: str
    tables: Mapping[str, pd.DataFrame]
    rows: pd.DataFrame
    costs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    filters: Sequence[str] = ()
    read: Callable[[str], Sequence[Any]] = lambda method: ()

    @property
    def own(self) -> list[str]:
        """The project's own networks: no filters, and no re-trained baselines."""
        return own(self.methods, self.filters)

    @property
    def methods(self) -> list[str]:
        """All methods, in the order of the tables."""
        return [str(method) for method in self.tables["all"]["method"].unique()]

    @property
    def shown(self) -> str:
        """The method whose examples are shown: the first own network, else the best method."""
        higher = self.metrics[self.primary].higher_is_better
        return shown(self.means(self.primary), higher, self.filters)

    @property
    def examples(self) -> Sequence[Any]:
        """The examples of the method that is shown."""
        return self.read(self.shown)

    def means(self, metric: str) -> dict[str, float]:
        """Return the means over all by method, in the tables' order; NaN ones are left out."""
        table = self.tables["all"]
        found = table[table["metric"] == metric].set_index("method")["mean"].dropna()
        return {str(method): float(mean) for method, mean in found.items()}


Part = Callable[[Results], Section | Sequence[Section]]
"""What makes a section, or several, of a page."""


def best_lead(results: Results) -> str:
    """Return who is best in the primary metric, in a sentence, and where the first own one is."""
    means = results.means(results.primary)
    if not means:
        return "Nothing was measured."
    metric = results.metrics[results.primary]
    best = (max if metric.higher_is_better else min)(means, key=lambda method: means[method])
    unit = f" {metric.unit}" if metric.unit else ""
    figures = {m: f"{mean:.{metric.digits}f}{unit}" for m, mean in means.items()}
    said = [f"{metric.label}: best is {method_label(best)} with {figures[best]}"]
    said += [f"{m} has {figures[m]}" for m in own(list(means), results.filters)[:1] if m != best]
    return "; ".join(said) + "."


def summary(
    title: str,
    words: str = "",
    names: Sequence[str] = (),
    table: str = "all",
    where: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
    spread: str = "interval",
) -> Part:
    """Return a part: methods down, metrics across.

    Args:
        title: Its heading.
        words: What the reader has to know.
        names: Metrics; all if empty.
        table: Which table.
        where: Chooses its rows.
        spread: What stands small below a mean: a column, or "interval" for `low` and `high`.
    """

    def part(results: Results) -> Section:
        rows = results.tables[table]
        return _summarised(results, where(rows) if where else rows, title, words, names, spread)

    return part


def each(table: str, cell: str, title: str, names: Sequence[str] = ()) -> Part:
    """Return a part: a summary for each cell of a table.

    Args:
        table: Which table.
        cell: Its column.
        title: Heading of a cell, with `{}` for it.
        names: Metrics; all if empty.
    """

    def part(results: Results) -> list[Section]:
        cells = results.tables[table]
        found = []
        for value in sorted(cells[cell].unique()):
            here = cells[cells[cell] == value]
            found.append(_summarised(results, here, title.format(value), "", names))
        return found

    return part


def across(
    table: str,
    cell: str,
    metric: str,
    title: str = "",
    words: str = "",
    heading: str = "{}",
    order: Sequence[Any] = (),
    where: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
    groups: str = "",
    labels: Mapping[str, str] = MappingProxyType({}),
    pictures: Callable[[Results], Pictures] | None = None,
) -> Part:
    """Return a part: methods down, cells across, of one metric; the best of each cell is bold.

    Args:
        table: Which table.
        cell: Its column.
        metric: Which metric.
        title: Its heading; the metric's name if empty.
        words: What the reader has to know.
        heading: Of a cell's column, with `{}` for it.
        order: Cells in order; sorted if empty.
        where: Chooses rows.
        groups: A further column, a group of lines for each of its values.
        labels: What some of these values are called.
        pictures: Draws what stands below the table.
    """

    def part(results: Results) -> Section:
        rows, what = results.tables[table], results.metrics[metric]
        rows = rows[rows["metric"] == metric]
        rows = named(where(rows) if where else rows)
        found = set(rows[cell].dropna())
        cells = [one for one in order if one in found] if order else sorted(found)
        lines: dict[str, list[Row]] = {}
        for name, chosen in rows.groupby(groups, sort=False) if groups else [("", rows)]:
            group = by_cell(chosen, cell, cells, what.digits, results.own)
            if group:
                label = labels.get(str(name), str(name))
                lines |= with_best({label: group}, [what.higher_is_better] * len(cells))
        columns = ("Method", *(heading.format(one) for one in cells))
        drawn = pictures(results) if pictures else None
        return Section(title or column(what), words, columns, lines, drawn)

    return part


def goals(words: str = "") -> Part:
    """Return a part: how the method that is shown stands to the goals, in the metrics' order."""

    def part(results: Results) -> Section:
        rows, table = [], results.tables["goals"]
        wanted = table[table["method"] == results.shown].set_index("metric")
        for name, metric in results.metrics.items():
            if name not in wanted.index:
                continue
            at = wanted.loc[name]
            texts = [column(metric), text(at["mean"], metric.digits)]
            for limit in ("first_step", "goal"):
                texts += [f"{at[limit]:g}", "reached" if at[f"passes_{limit}"] else "not reached"]
            rows.append(Row(tuple(texts)))
        columns = ("", method_label(results.shown), "First step", "", "Goal", "")
        return Section(AGAINST_GOALS, words, columns, {"": rows} if rows else None)

    return part


def published(title: str, words: str, metric: str, digits: int) -> Part:
    """Return a part: rows of others in one metric, with what kind of method each is.

    Args:
        title: Its heading.
        words: What the reader has to know; the rows' sources stand before it.
        metric: Which metric.
        digits: Decimal places, as many as were published.
    """

    def part(results: Results) -> Section:
        table = results.tables["published"]
        rows = [
            Row((str(at["method"]), str(at["kind"]), text(at["mean"], digits)))
            for _, at in table[table["metric"] == metric].iterrows()
        ]
        said = "; ".join(dict.fromkeys(table["source"]))
        columns = ("Method", "Kind", results.metrics[metric].label)
        return Section(title, f"{said}. {words}", columns, {"": rows} if rows else None)

    return part


def pictures(title: str, words: str, draw: Callable[[Results], Pictures]) -> Part:
    """Return a part of pictures; a `{}` in its heading is the method that is shown.

    Args:
        title: Its heading.
        words: What the reader has to know.
        draw: Returns pictures by what they show, as from `evaluation.figures.variants`.
    """

    def part(results: Results) -> Section:
        heading = title.format(method_label(results.shown))
        return Section(heading, words, pictures=draw(results))

    return part


def cost(*names: str) -> Part:
    """Return a part: what each method costs, beside its means in these metrics."""

    def part(results: Results) -> Section:
        quality = {column(results.metrics[name]): _texts(results, name) for name in names}
        rows = [
            _cost_row(method, facts, quality, method in results.own)
            for method, facts in results.costs.items()
        ]
        return Section(
            "Cost", COST_TEXT, ("Method", *quality, *COLUMNS), {"": rows} if rows else None
        )

    return part


def plain(results: Results) -> list[Section]:
    """Return the sections of a protocol that names none: tables, goals, published rows, cost."""
    found: list[Section | Sequence[Section]] = [
        summary("All")(results),
        goals()(results),
        *(
            across(name, str(cell), results.primary, f"By {cell}")(results)
            for name, table in results.tables.items()
            if name not in ("all", "goals", "published")
            for cell in list(table.columns)[1:2]
        ),
        published("Published elsewhere", "", results.primary, 3)(results),
        cost(results.primary)(results),
    ]
    return flat(found)


def flat(parts: Sequence[Section | Sequence[Section]]) -> list[Section]:
    """Return sections one after the other; those that show nothing are left out."""
    lists = [[part] if isinstance(part, Section) else part for part in parts]
    return [one for sections in lists for one in sections if one.rows or one.pictures]


def _summarised(
    results: Results,
    rows: pd.DataFrame,
    title: str,
    words: str,
    names: Sequence[str],
    spread: str = "interval",
) -> Section:
    metrics = results.metrics
    names = names or tuple(metrics)
    lines = by_metric(named(rows), metrics, names, results.own, spread)
    best = with_best({"": lines}, [metrics[name].higher_is_better for name in names])
    return Section(title, words, ("Method", *(column(metrics[name]) for name in names)), best)


def named(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose methods have their names for people."""
    return table.assign(method=table["method"].map(method_label))


def _texts(results: Results, name: str) -> dict[str, str]:
    digits = results.metrics[name].digits
    return {method: text(mean, digits) for method, mean in results.means(name).items()}


def _cost_row(
    name: str, cost: Mapping[str, Any], quality: Mapping[str, Mapping[str, str]], is_own: bool
) -> Row:
    def figure(key: str, form: str, unit: float = 1.0) -> str:
        value = cost.get(key)
        return "" if value is None else format(value / unit, form)

    means = [figures.get(name, "") for figures in quality.values()]
    cells = (
        figure("parameters", ",.0f"),
        figure("macs_per_second", ",.2f", 1e6),
        span(cost.get("training_seconds")),
        figure("speed", ",.0f"),
        figure("memory_mb", ",.0f"),
    )
    machines = (str(cost.get("training_machine") or ""), str(cost["machine"]))
    return Row((name, *means, *cells), ("", *("" for _ in means), "", "", *machines, ""), is_own)
