"""What the protocol's page has of its own: published rows beside ours, records, windows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ecgmodel.evaluation.figures import LIGHT, NARROW, WIDE, Theme, style_axes, variants
from ecgmodel.evaluation.metrics import Metric
from ecgmodel.protocols._page import Row, Section
from ecgmodel.protocols._qt_bw.measuring import WindowExample
from ecgmodel.protocols._qt_bw.published import ALL
from ecgmodel.protocols._sections import Pictures, Results
from ecgmodel.protocols._tables import by_cell, by_metric, column, text, with_best

SHOWN = ("ssd", "mad", "prd_output", "cossim")
OURS, PUBLISHED, FILTER = "measured here", "published", "filter"


def lead(results: Results) -> str:
    """Return the means of the method that is shown."""
    table = results.tables["all"]
    value = table[table["method"] == results.shown].set_index("metric")["mean"]
    return (
        f"{results.shown}: SSD {value['ssd']:.3f} mV², MAD {value['mad']:.3f} mV, PRD as published "
        f"{value['prd_output']:.2f} %, CosSim {value['cossim']:.3f}, means over both noise "
        "versions, one forward pass."
    )


def against_published(results: Results) -> Section:
    """Return ours below the published rows, and networks beside each other as a picture."""
    published, ours, metrics = results.tables["published"], results.tables["all"], results.metrics
    theirs = published[published["ratio_group"] == ALL]
    groups = {
        PUBLISHED: by_metric(theirs, metrics, SHOWN),
        OURS: by_metric(ours, metrics, SHOWN, results.own),
    }
    networks = ours[~ours["method"].isin(results.filters)]
    drawn = partial(comparison_figure, theirs[theirs["kind"] != FILTER], networks, metrics)
    return Section(
        "Against what was published",
        "Mean, and standard deviation over windows. The best of all is bold.",
        ("Method", *(column(metrics[name]) for name in SHOWN)),
        with_best(groups, [metrics[name].higher_is_better for name in SHOWN]),
        {"Networks, published (grey) and measured here (blue)": variants(drawn)}
        if len(networks)
        else None,
    )


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


def by_ratio(results: Results) -> Section:
    """Return SSD and CosSim by noise ratio, published and ours."""
    ours = results.tables["by_ratio"]
    names = list(dict.fromkeys(ours["ratio_group"]))
    groups: dict[str, list[Row]] = {}
    for metric in ("ssd", "cossim"):
        what, rows = results.metrics[metric], []
        for table, own in ((results.tables["published"], ()), (ours, results.own)):
            cells = table[table["metric"] == metric]
            rows += by_cell(cells, "ratio_group", names, what.digits, own)
        groups |= with_best({column(what): rows}, [what.higher_is_better] * len(names))
    text = "r is the noise's peak-to-peak swing over the beat's."
    return Section("By noise ratio", text, ("Method", *names), groups)


def by_record(results: Results) -> Section:
    """Return the records of the method that is shown, the worst first."""
    table, metrics = results.tables["by_record"], results.metrics
    chosen = table[table["method"] == results.shown]
    means = chosen.pivot(index="record", columns="metric", values="mean")
    windows = chosen.groupby("record")["segments"].first()
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
        f"{results.shown} by record",
        "Means over a record's windows of both versions, the worst first.",
        ("Record", "Windows", *(column(metrics[name]) for name in SHOWN)),
        {"": rows},
    )


def windows(results: Results) -> Pictures:
    """Draw the median and the worst window."""
    return {one.what: variants(partial(window_figure, one)) for one in results.examples}


def window_figure(example: WindowExample, theme: Theme = LIGHT, width: float = WIDE) -> Figure:
    """Draw a window: noisy above; denoised over clean below.

    Args:
        example: The window.
        theme: Colours.
        width: Of the figure, inches.
    """
    figure = Figure(figsize=(width, 3.6), layout="constrained")
    figure.set_facecolor(theme.background)
    above, below = figure.subplots(2, 1, sharex=True)
    time = np.arange(example.clean.size) / 360 * 1000
    above.plot(time, example.noisy, color=theme.noisy, linewidth=1.2)
    above.set_ylabel("noisy, mV")
    below.plot(time, example.clean, color=theme.ink, linewidth=2.6, alpha=0.35, label="clean")
    below.plot(time, example.denoised, color=theme.model, linewidth=1.2, label="denoised")
    below.set(ylabel="mV", xlabel="ms")
    legend = below.legend(frameon=False, fontsize=9, loc="upper right")
    for entry in legend.get_texts():
        entry.set_color(theme.ink)
    for axes in (above, below):
        style_axes(axes, theme)
    return figure
