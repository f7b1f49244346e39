"""The protocol's page: ours beside what was published, by noise ratio, by record, and traces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ecgmodel.evaluation.figures import LIGHT, NARROW, WIDE, Theme, style_axes, variants
from ecgmodel.evaluation.metrics import Metric
from ecgmodel.protocols._marks import Goal
from ecgmodel.protocols._page import AGAINST_MARKS, Page, Row, Section
from ecgmodel.protocols._tables import by_cell, by_metric, column, text, with_best

SHOWN = ("ssd", "mad", "prd_output", "cossim")
OURS, PUBLISHED, FILTER = "measured here", "published", "filter"
ROLES = ("median", "worst")


def build(
    title: str,
    notes: Sequence[str],
    metrics: Mapping[str, Metric],
    marks: Mapping[str, Goal],
    tables: Mapping[str, pd.DataFrame],
    costs: Section,
    examples: Mapping[str, Mapping[str, Any]],
) -> Page:
    """Return the page.

    Args:
        title: The protocol's.
        notes: The protocol's.
        metrics: What the columns mean.
        marks: What is to be reached.
        tables: From `qt_bw.tables`.
        costs: From `cost_section`.
        examples: By network, its windows from `choose_examples`.
    """
    everything, networks = tables["all"], list(examples)
    best = _best(everything, networks)
    sections = [
        _against_published(everything, tables["published"], metrics, networks),
        _against_marks(tables["marks"], metrics, marks, best),
        _by_ratio(tables["by_ratio"], tables["published"], metrics, networks),
        _by_record(tables["by_record"], metrics, best),
        costs,
    ]
    if best in examples:
        sections.append(_traces(best, examples[best]))
    return Page(
        title, _lead(everything, best), notes, [s for s in sections if s.rows or s.pictures]
    )


def choose_examples(
    rows: pd.DataFrame, clean: np.ndarray, noisy: np.ndarray, denoised: np.ndarray
) -> dict[str, Any]:
    """Return the median and the worst window by SSD, with their signals.

    Args:
        rows: One row a window, with `ssd`, `record`, `ratio`.
        clean: `(n, 512)`, mV, of the same windows; likewise the others.
        noisy: What the method was given.
        denoised: What it returned.
    """
    order = np.argsort(rows["ssd"].to_numpy())
    places = {"median": int(order[len(order) // 2]), "worst": int(order[-1])}
    return {
        role: {
            "what": f"{rows['record'].iloc[at]}, r = {rows['ratio'].iloc[at]:.2f}, "
            f"SSD {rows['ssd'].iloc[at]:.2f} mV²",
            "signals": np.stack([clean[at], noisy[at], denoised[at]]),
        }
        for role, at in places.items()
    }


def _best(everything: pd.DataFrame, networks: Sequence[str]) -> str:
    ssd = everything[everything["metric"] == "ssd"]
    ours = ssd[ssd["method"].isin(networks)] if networks else ssd
    return str(ours.sort_values("mean")["method"].iloc[0])


def _lead(everything: pd.DataFrame, best: str) -> str:
    value = everything[everything["method"] == best].set_index("metric")["mean"]
    return (
        f"{best}: SSD {value['ssd']:.3f} mV², MAD {value['mad']:.3f} mV, PRD as published "
        f"{value['prd_output']:.2f} %, CosSim {value['cossim']:.3f}, means over both noise "
        "versions, one forward pass."
    )


def _against_published(
    ours: pd.DataFrame,
    published: pd.DataFrame,
    metrics: Mapping[str, Metric],
    networks: Sequence[str],
) -> Section:
    theirs = published[published["ratio_group"] == "all"]
    groups = {
        PUBLISHED: by_metric(theirs, metrics, SHOWN, ()),
        OURS: by_metric(ours, metrics, SHOWN, networks),
    }
    return Section(
        "Against what was published",
        "Mean, and standard deviation over windows. The best of all is bold.",
        ("Method", *(column(metrics[name]) for name in SHOWN)),
        with_best(groups, [metrics[name].higher_is_better for name in SHOWN]),
        _comparison(theirs[theirs["kind"] != FILTER], ours[ours["method"].isin(networks)], metrics),
    )


def _comparison(
    theirs: pd.DataFrame, ours: pd.DataFrame, metrics: Mapping[str, Metric]
) -> dict[str, dict[str, str]]:
    """Return the picture of networks beside each other; nothing where none was measured here."""
    if ours.empty:
        return {}

    def draw(theme: Theme = LIGHT, width: float = WIDE) -> Figure:
        return comparison_figure(theirs, ours, metrics, theme, width)

    return {"Networks, published (grey) and measured here (blue)": variants(draw)}


def comparison_figure(
    theirs: pd.DataFrame,
    ours: pd.DataFrame,
    metrics: Mapping[str, Metric],
    theme: Theme = LIGHT,
    width: float = WIDE,
) -> Figure:
    """Draw the means of networks, a panel a metric, a bar a network.

    Args:
        theirs: Published: one row a method and metric, with `mean`.
        ours: Measured here, likewise.
        metrics: What the columns mean.
        theme: Colours.
        width: Of the figure, inches.
    """
    names = [*theirs["method"].unique(), *ours["method"].unique()]
    own = set(ours["method"])
    mean = pd.concat([theirs, ours]).set_index(["metric", "method"])["mean"]
    rows, columns = (2, 2) if width > NARROW else (len(SHOWN), 1)
    figure = Figure(figsize=(width, rows * (0.27 * len(names) + 0.7)), layout="constrained")
    figure.set_facecolor(theme.background)
    for axes, name in zip(figure.subplots(rows, columns, squeeze=False).flat, SHOWN, strict=True):
        values = [float(mean.get((name, method), np.nan)) for method in names]
        colours = [theme.model if method in own else theme.noisy for method in names]
        axes.barh(names, values, color=colours, height=0.62)
        axes.invert_yaxis()
        better = "more" if metrics[name].higher_is_better else "less"
        axes.set_title(f"{column(metrics[name])} ({better} is better)", color=theme.ink, size=10)
        for at, value in enumerate(values):
            label = text(value, metrics[name].digits)
            axes.annotate(
                label,
                (value, at),
                (3, 0),
                textcoords="offset points",
                va="center",
                color=theme.ink,
                size=8,
            )
        style_axes(axes, theme)
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.14)
    return figure


def _against_marks(
    table: pd.DataFrame, metrics: Mapping[str, Metric], marks: Mapping[str, Goal], best: str
) -> Section:
    ours = table[table["method"] == best].set_index("metric")
    rows = []
    for name, mark in marks.items():
        metric, at = metrics[name], ours.loc[name]
        texts = [metric.label, text(at["mean"], metric.digits)]
        for limit, passes in (
            (mark.first_step, at["passes_first_step"]),
            (mark.goal, at["passes_goal"]),
        ):
            texts += [f"{limit:g}", "reached" if passes else "not reached"]
        rows.append(Row(tuple(texts)))
    columns = ("Metric", best, "First step", "", "Goal", "")
    return Section(AGAINST_MARKS, "The first step is MECG-E.", columns, {"": rows})


def _by_ratio(
    ours: pd.DataFrame,
    published: pd.DataFrame,
    metrics: Mapping[str, Metric],
    networks: Sequence[str],
) -> Section:
    names = list(dict.fromkeys(ours["ratio_group"]))
    groups: dict[str, list[Row]] = {}
    for metric in ("ssd", "cossim"):
        rows = []
        for table, own in ((published, ()), (ours, networks)):
            cells = table[table["metric"] == metric]
            rows += by_cell(cells, "ratio_group", names, metrics[metric].digits, own)
        higher = [metrics[metric].higher_is_better] * len(names)
        groups |= with_best({column(metrics[metric]): rows}, higher)
    return Section(
        "By noise ratio",
        "r is the noise's peak-to-peak swing over the beat's.",
        ("Method", *names),
        groups,
    )


def _by_record(table: pd.DataFrame, metrics: Mapping[str, Metric], best: str) -> Section:
    chosen = table[table["method"] == best]
    means = chosen.pivot(index="record", columns="metric", values="mean")
    windows = chosen.groupby("record")["windows"].first()
    rows = [
        Row(
            (
                record,
                f"{windows[record]:,}",
                *(f"{means.loc[record, n]:.{metrics[n].digits}f}" for n in SHOWN),
            )
        )
        for record in means.sort_values("ssd", ascending=False).index
    ]
    return Section(
        f"{best} by record",
        "Means over a record's windows of both versions, the worst first.",
        ("Record", "Windows", *(column(metrics[name]) for name in SHOWN)),
        {"": rows},
    )


def _traces(name: str, examples: Mapping[str, Any]) -> Section:
    pictures = {}
    for role in ROLES:
        one = examples[role]

        def draw(theme: Theme = LIGHT, width: float = WIDE, one: Any = one) -> Figure:
            return window_figure(one["signals"], theme, width)

        pictures[f"The {role} window: {one['what']}"] = variants(draw)
    return Section(f"What {name} makes of a window", pictures=pictures)


def window_figure(signals: np.ndarray, theme: Theme = LIGHT, width: float = WIDE) -> Figure:
    """Draw a window: noisy above; denoised over clean below.

    Args:
        signals: Clean, noisy and denoised, `(3, 512)`, mV at 360 Hz.
        theme: Colours.
        width: Of the figure, inches.
    """
    clean, noisy, denoised = signals
    figure = Figure(figsize=(width, 3.6), layout="constrained")
    figure.set_facecolor(theme.background)
    above, below = figure.subplots(2, 1, sharex=True)
    time = np.arange(clean.size) / 360 * 1000
    above.plot(time, noisy, color=theme.noisy, linewidth=1.2)
    above.set_ylabel("noisy, mV")
    below.plot(time, clean, color=theme.ink, linewidth=2.6, alpha=0.35, label="clean")
    below.plot(time, denoised, color=theme.model, linewidth=1.2, label="denoised")
    below.set(ylabel="mV", xlabel="ms")
    legend = below.legend(frameon=False, fontsize=9, loc="upper right")
    for entry in legend.get_texts():
        entry.set_color(theme.ink)
    for axes in (above, below):
        style_axes(axes, theme)
    return figure
