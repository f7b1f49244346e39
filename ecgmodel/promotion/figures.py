"""The figure of a verdict: gain by test subject, and by noise type and SNR over each reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colors
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from ecgmodel.evaluation.figures import LIGHT, NARROW, NOISE_LABELS, WIDE, Theme, style_axes
from ecgmodel.evaluation.metrics import METRICS
from ecgmodel.promotion.judging import Gain
from ecgmodel.settings.gate import GateSettings

NAMED_SUBJECTS = 30
"""Largest number of subjects whose names are shown; more would overlap."""
REFERENCES = {"champion": "the champion", "filter": "the best filter"}
"""Display name of each reference that the challenger is compared with, by column of the cells."""
EQUAL_CONTRAST = 0.179
"""Relative luminance on which black and white text have equal contrast."""


def gain_figure(
    gain: Gain | None,
    cells: pd.DataFrame,
    settings: GateSettings,
    title: str = "",
    theme: Theme = LIGHT,
    width: float = WIDE,
    references: Mapping[str, str] = REFERENCES,
) -> Figure:
    """Draw the gain by subject with mean and interval, and the gain by noise type and SNR.

    The gain by noise type and SNR is drawn for each measured reference: champion and best filter.

    Args:
        gain: Gain in the primary metric; None if it is undefined.
        cells: From `by_cell`.
        settings: Settings of the gate.
        title: Title of the figure.
        theme: Colours.
        width: Width of the figure, inches; narrow figures have one panel per row.
        references: Display name of each reference, by column of the cells.
    """
    narrow = width <= NARROW
    shown = [name for name in references if name in cells] or ["champion"]
    subjects = 0 if gain is None else len(gain.by_subject)
    rows = subjects if subjects <= NAMED_SUBJECTS else NAMED_SUBJECTS // 2
    tall = 1.6 + 0.2 * rows
    heights = [1.0 + 0.36 * max(1, cells["noise_type"].nunique())] * len(shown)
    height = tall + sum(heights) if narrow else max(3.0, tall, sum(heights))
    layout = ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08)
    figure = Figure((width, height + 0.6), facecolor=theme.background, layout=layout)
    grid: dict[str, Any] = {"width_ratios": [1, 1.1]}
    places: list[Any] = [["subjects", name] for name in shown]
    if narrow:
        grid = {"height_ratios": [tall, *heights]}
        places = [["subjects"], *([name] for name in shown)]
    parts: dict[str, Axes] = figure.subplot_mosaic(places, **grid)
    for axes in parts.values():
        style_axes(axes, theme)
    if title:
        figure.suptitle(title, color=theme.ink, x=0.01, ha="left", weight="bold", fontsize=11)
    _draw_subjects(parts["subjects"], gain, settings, theme, references["champion"])
    for name in shown:
        over = f"SNR improvement over {references[name]}, dB"
        _draw_cells(parts[name], cells, name, over, theme, short=narrow)
        parts[name].set_xlabel("SNR of the segment, dB" if name == shown[-1] else "")
    if gain is not None:
        place = "outside lower left"  # above, it would overlap the title
        figure.legend(
            loc=place, ncols=1 if narrow else 3, fontsize=9, frameon=False, labelcolor=theme.ink
        )
    return figure


def _draw_subjects(
    axes: Axes, gain: Gain | None, settings: GateSettings, theme: Theme, reference: str
) -> None:
    metric = METRICS[settings.primary]
    unit = f", {metric.unit}" if metric.unit else ""
    _title(axes, f"{metric.label} over {reference} by subject{unit}", theme)
    if gain is None:
        _no_data(axes, theme)
        return
    means, places = gain.by_subject, np.arange(len(gain.by_subject))
    shades = [theme.model if value > 0 else theme.others[0] for value in means]
    axes.axvline(0, color=theme.muted, linewidth=1)
    if gain.interval:
        axes.axvspan(
            *gain.interval, color=theme.model, alpha=0.18, lw=0, label="95 % interval of the mean"
        )
    label = f"mean {gain.mean:+.2f} {metric.unit}".strip()
    axes.axvline(gain.mean, color=theme.model, linewidth=1.8, label=label)
    if settings.smallest_gain:
        least = f"minimum gain {settings.smallest_gain:+g} {metric.unit}".strip()
        axes.axvline(settings.smallest_gain, color=theme.ink, linewidth=1, ls=":", label=least)
    axes.hlines(places, 0, means, color=shades, linewidth=1.2, alpha=0.5)
    axes.scatter(means, places, color=shades, s=28, zorder=3)
    axes.set(ylim=(-0.7, len(means) - 0.3), xlabel="right is better")
    named = len(means) <= NAMED_SUBJECTS
    axes.set_yticks(places if named else [], map(str, means.index) if named else [])
    axes.margins(x=0.08)


def _draw_cells(
    axes: Axes, cells: pd.DataFrame, reference: str, title: str, theme: Theme, short: bool
) -> None:
    _title(axes, title, theme)
    if cells.empty:
        _no_data(axes, theme)
        return
    gain = cells.assign(gain=cells["challenger"] - cells[reference])
    types = list(dict.fromkeys(gain["noise_type"]))
    levels = sorted(gain["snr_db"].unique())
    grid = gain.pivot(index="noise_type", columns="snr_db", values="gain").loc[types, levels]
    values = grid.to_numpy(dtype=np.float64)
    most = float(np.nanmax(np.abs(values), initial=0.5))
    scale = colors.LinearSegmentedColormap.from_list(
        "gain", [theme.others[0], theme.background, theme.model]
    )
    axes.grid(visible=False)
    axes.imshow(grid, cmap=scale, vmin=-most, vmax=most, aspect="auto")
    names = types if short else [NOISE_LABELS.get(name, name) for name in types]
    axes.set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
    axes.set_yticks(range(len(types)), names)
    for row, column in np.ndindex(values.shape):
        value = values[row, column]
        text = "" if np.isnan(value) else f"{value:+.2f}"
        shade = _readable(tuple(scale(float(value / most + 1) / 2)))
        axes.text(column, row, text, ha="center", va="center", color=shade, fontsize=9)


def _readable(background: Sequence[float]) -> str:
    """Return black or white, whichever has more contrast to a colour (WCAG 2, gamma 2.2)."""
    linear = np.asarray(background[:3]) ** 2.2
    return "#000000" if np.dot(linear, (0.2126, 0.7152, 0.0722)) > EQUAL_CONTRAST else "#ffffff"


def _title(axes: Axes, text: str, theme: Theme) -> None:
    axes.set_title(text, loc="left", color=theme.ink, fontsize=10)


def _no_data(axes: Axes, theme: Theme) -> None:
    text = "no segment with\nvalues of both sides"
    axes.text(0.5, 0.5, text, color=theme.muted, ha="center", va="center", transform=axes.transAxes)
    axes.set(xticks=[], yticks=[])
