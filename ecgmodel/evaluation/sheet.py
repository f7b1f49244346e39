"""The sheet of ten seconds of a recording, in millimetres: 25 mm/s and 10 mm/mV on paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from ecgmodel.denoise.trust import Window
from ecgmodel.evaluation.figures import LIGHT, Theme
from ecgmodel.files import Annotation
from ecgmodel.signals.leads import twelve_leads
from ecgmodel.support.samples import Samples
from ecgmodel.support.units import clock

MM_PER_S, MM_PER_MV = 25.0, 10.0
SECONDS = 10.0
LEFT, ABOVE, BELOW, EDGE = 10.0, 6.0, 6.0, 4.0
"""Room for the calibration pulse, annotations, times and around everything, mm."""
WIDE = LEFT + SECONDS * MM_PER_S
A4 = (297.0, 210.0)
HIGHEST = 145.0
"""Rows of a page, mm."""
LOWEST_ROW, HIGHEST_ROW = 18.0, 35.0
HEADING = 16.0
RHYTHM = 1  # of the twelve leads: II
INCH, POINT = 25.4, 72 / 25.4


@dataclass(frozen=True)
class Drawn:
    """What a sheet shows.

    Attributes:
        signal: The recording before cleaning, `(samples, leads)` in mV, NaN where one is missing.
        cleaned: The cleaned recording, of the same shape.
        windows: Its assessed sections.
        fs: Sampling rate, Hz.
        leads: Names of the leads.
        annotations: Beats and events of the file.
        name: Name of the recording.
        label: Name of the network.
    """

    signal: Samples
    cleaned: Samples
    windows: Sequence[Window]
    fs: float
    leads: Sequence[str]
    annotations: Sequence[Annotation] = ()
    name: str = ""
    label: str = ""


@dataclass(frozen=True)
class Panel:
    """A lead and its place: a row, and a share of the ten seconds."""

    lead: int
    row: int
    first: float = 0.0
    last: float = 1.0


def panels_of(leads: Sequence[str]) -> tuple[Panel, ...]:
    """Return where leads are drawn: the twelve in columns of 2.5 s that follow each other in time,
    over a rhythm strip of lead II; others below each other.

    Args:
        leads: Their names.
    """
    twelve = twelve_leads(leads)
    if twelve is None:
        return tuple(Panel(lead, lead) for lead in range(len(leads)))
    columns = (Panel(n, i % 3, i // 3 / 4, (i // 3 + 1) / 4) for i, n in enumerate(twelve))
    return (*columns, Panel(twelve[RHYTHM], 3))


def sheet_figure(drawn: Drawn, start: int, most_rows: int, theme: Theme = LIGHT) -> Figure:
    """Draw ten seconds of all leads at true scale, the original behind the denoised signal.

    Args:
        drawn: The recording.
        start: The first sample.
        most_rows: Largest number of leads below each other; the others are counted.
        theme: Colours.
    """
    panels = panels_of(drawn.leads)
    shown = tuple(panel for panel in panels if panel.row < most_rows)
    height = _row_height(_rows(shown))
    high = ABOVE + _rows(shown) * height + BELOW
    figure, axes = _blank(WIDE + 2 * EDGE, high + 2 * EDGE, theme)
    left_out = len(panels) - len(shown)
    more = f" · {left_out} more leads" if left_out else ""
    _draw(axes, drawn, shown, start, (EDGE, EDGE), theme)
    text = f"{MM_PER_S:g} mm/s · {MM_PER_MV:g} mm/mV · grey: original{more}"
    axes.text(WIDE + EDGE, high + EDGE + 1, text, ha="right", va="center", **_small(theme))
    return figure


def sheet_pages(drawn: Drawn, start: int, theme: Theme = LIGHT) -> Iterator[Figure]:
    """Yield the pages (A4, landscape) of ten seconds of all leads, at true scale.

    Args:
        drawn: The recording.
        start: The first sample.
        theme: Colours.
    """
    panels = panels_of(drawn.leads)
    height = _row_height(_rows(panels))
    most = int(HIGHEST // height)
    pages = -(-_rows(panels) // most)
    for page in range(pages):
        here = [panel for panel in panels if panel.row // most == page]
        figure, axes = _blank(*A4, theme)
        left = (A4[0] - WIDE) / 2
        _head(axes, drawn, start, (left, page + 1, pages), theme)
        own = [replace(panel, row=panel.row % most) for panel in here]
        _draw(axes, drawn, own, start, (left, 8 + HEADING), theme, height)
        yield figure


def _rows(panels: Sequence[Panel]) -> int:
    return max(panel.row for panel in panels) + 1


def _row_height(rows: int) -> float:
    return float(np.clip(HIGHEST / rows // 5 * 5, LOWEST_ROW, HIGHEST_ROW))


def _blank(width: float, height: float, theme: Theme) -> tuple[Figure, Axes]:
    """Return a figure and its axes in mm from the upper left corner."""
    figure = Figure(figsize=(width / INCH, height / INCH), facecolor=theme.background)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    return figure, axes


def _head(
    axes: Axes, drawn: Drawn, start: int, place: tuple[float, int, int], theme: Theme
) -> None:
    left, page, pages = place
    at = start / drawn.fs
    of = f" · page {page} of {pages}" if pages > 1 else ""
    lines = (
        f"{drawn.name}   {clock(at)} to {clock(at + SECONDS)}{of}",
        f"{MM_PER_S:g} mm/s · {MM_PER_MV:g} mm/mV · {drawn.fs:g} Hz · original (grey) and "
        f"denoised · denoised by {drawn.label}",
        "For research use only; not a medical device.",
    )
    for number, (line, size) in enumerate(zip(lines, (11, 8.5, 8.5), strict=True)):
        weight = "bold" if number == 0 else "normal"
        y = 9.0 + 4.6 * number
        axes.text(left, y, line, fontsize=size, fontweight=weight, color=theme.ink, va="baseline")


def _draw(
    axes: Axes,
    drawn: Drawn,
    panels: Sequence[Panel],
    start: int,
    corner: tuple[float, float],
    theme: Theme,
    height: float = 0.0,
) -> None:
    """Draw the leads, their paper, times and annotations; `corner` is the upper left one, mm."""
    rows = _rows(panels)
    height = height or _row_height(rows)
    left, top = corner[0] + LEFT, corner[1] + ABOVE
    stop = min(len(drawn.signal), start + round(SECONDS * drawn.fs) + 1)
    before, after = drawn.signal[start:stop], drawn.cleaned[start:stop]
    _rule(axes, (left, top), rows * height, theme)
    for panel in panels:
        x, y = left + panel.first * SECONDS * MM_PER_S, top + panel.row * height
        _shade(axes, drawn, panel, start, (left, y, height), theme)
        part = _part(panel, drawn.fs, len(before))
        time = left + np.arange(part.start, part.stop) / drawn.fs * MM_PER_S
        lines = ((before, theme.noisy, 0.18), (after, theme.ink, 0.28))
        for values, colour, width in lines:
            lead = values[:, panel.lead]
            mv = lead[part] - _middle(lead)
            places = y + height / 2 - mv * MM_PER_MV
            axes.plot(time, places, color=colour, linewidth=width * POINT, solid_joinstyle="round")
        own: dict[str, Any] = {"fontsize": 9, "fontweight": "bold", "color": theme.ink}
        axes.text(x + 1.5, y + 3, drawn.leads[panel.lead], va="center", **own)
        if panel.first:
            ticks = [y + 0.4 * height, y + 0.6 * height]
            axes.plot([x, x], ticks, color=theme.muted, linewidth=0.2 * POINT)
    for row in range(rows):
        _pulse(axes, left, top + (row + 0.5) * height, theme)
    _time(axes, start / drawn.fs, left, top + rows * height + 2.5, theme)
    _annotate(axes, drawn, start / drawn.fs, left, top - 2, theme)


def _part(panel: Panel, fs: float, count: int) -> slice:
    """Return the samples of a panel, of those that are drawn."""
    ends = (round(share * SECONDS * fs) for share in (panel.first, panel.last))
    first, last = (min(end, count) for end in ends)
    return slice(first, min(last + 1, count))


def _middle(lead: NDArray[np.float64]) -> float:
    """Return about the isoelectric level of a lead, mV: the median of what is drawn."""
    known = lead[np.isfinite(lead)]
    return float(np.median(known)) if len(known) else 0.0


def _rule(axes: Axes, corner: tuple[float, float], high: float, theme: Theme) -> None:
    left, top = corner
    wide = SECONDS * MM_PER_S
    axes.add_patch(Rectangle(corner, wide, high, facecolor=theme.paper, edgecolor="none"))
    for step, colour, width in ((1, theme.paper_minor, 0.1), (5, theme.paper_major, 0.2)):
        down = [[(left + x, top), (left + x, top + high)] for x in np.arange(0, wide + 0.1, step)]
        across = [[(left, top + y), (left + wide, top + y)] for y in np.arange(0, high + 0.1, step)]
        axes.add_collection(LineCollection(down + across, colors=colour, linewidths=width * POINT))


def _shade(
    axes: Axes,
    drawn: Drawn,
    panel: Panel,
    start: int,
    place: tuple[float, float, float],
    theme: Theme,
) -> None:
    """Shade unreliable sections of a lead and name the reason."""
    left, top, height = place
    low, high = panel.first * SECONDS, panel.last * SECONDS
    reason = ""
    for window in drawn.windows:
        if window.lead != panel.lead or not window.reason:
            continue
        span = np.clip([(at - start) / drawn.fs for at in (window.start, window.stop)], low, high)
        if span[0] >= span[1]:
            continue
        x, wide = left + span[0] * MM_PER_S, float(np.ptp(span)) * MM_PER_S
        box = Rectangle((x, top), wide, height, facecolor=theme.others[0], alpha=0.15, linewidth=0)
        axes.add_patch(box)
        if wide > 35 and window.reason != reason:
            axes.text(x + 12, top + 3, f"unreliable: {window.reason}", va="center", **_small(theme))
        reason = window.reason


def _pulse(axes: Axes, left: float, zero: float, theme: Theme) -> None:
    """Draw the calibration pulse of 1 mV and 0.2 s."""
    x = left - 9 + np.array([0, 1.5, 1.5, 6.5, 6.5, 8])
    y = zero - MM_PER_MV * np.array([0, 0, 1, 1, 0, 0])
    axes.plot(x, y, color=theme.ink, linewidth=0.28 * POINT)


def _time(axes: Axes, start: float, left: float, y: float, theme: Theme) -> None:
    first = int(np.ceil(start - 1e-6))
    for second in range(first, first + int(SECONDS)):
        x = left + (second - start) * MM_PER_S
        axes.text(x, y, clock(second), ha="center", va="center", **_small(theme))


def _annotate(axes: Axes, drawn: Drawn, start: float, left: float, y: float, theme: Theme) -> None:
    for note in drawn.annotations:
        if start <= note.at_s < start + SECONDS:
            place = "center" if len(note.text) == 1 else "left"
            x = left + (note.at_s - start) * MM_PER_S
            axes.text(x, y, note.text[:40], ha=place, va="center", **_small(theme))


def _small(theme: Theme) -> dict[str, Any]:
    return {"fontsize": 7.5, "color": theme.muted}
