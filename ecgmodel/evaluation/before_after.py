"""Figure of a recording before and after cleaning, on ECG paper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ecgmodel.evaluation.figures import LIGHT, WIDE, Theme
from ecgmodel.evaluation.sheet import SECONDS as SHEET_S
from ecgmodel.evaluation.sheet import Drawn, sheet_figure
from ecgmodel.evaluation.traces import (
    CALIBRATION_S,
    GAP_MM,
    MM_PER_S,
    SECTION_S,
    Strip,
    calibrate,
    caption,
    draw,
    gain_of,
    rule,
    sheet,
)
from ecgmodel.support.units import clock

MOST_STRIPS = 2
"""Leads up to which the original has a strip of its own."""
MOST_ROWS = 16


def before_after_figure(
    drawn: Drawn,
    start: int | None = None,
    seconds: float = SECTION_S,
    theme: Theme = LIGHT,
    width: float = WIDE,
) -> Figure:
    """Draw one moment of a recording before and after, on the ECG's usual grid.

    One or two leads are drawn before and after, below each other, `width` inches wide; more leads
    as a sheet of ten seconds at true scale (`ecgmodel.evaluation.sheet`).

    Args:
        drawn: The recording.
        start: First sample; None for `noisiest`.
        seconds: Length, if there are one or two leads.
        theme: Colours.
        width: Width of the figure, inches, if there are one or two leads.
    """
    if len(drawn.leads) > MOST_STRIPS:
        at = noisiest(drawn, SHEET_S) if start is None else start
        return sheet_figure(drawn, at, MOST_ROWS, theme)
    at = noisiest(drawn, seconds) if start is None else start
    part = slice(at, at + _length(drawn, seconds))
    before, after = drawn.signal[part], drawn.cleaned[part]
    strips: list[tuple[str, NDArray[np.float64], str]] = []
    for lead, name in enumerate(drawn.leads):
        strips.append((f"{name}, {clock(at / drawn.fs)}, before", before[:, lead], theme.noisy))
        strips.append(("after", after[:, lead], theme.model))
    return _strips_figure(strips, drawn.fs, theme, width)


def noisiest(drawn: Drawn, seconds: float) -> int:
    """Return the first sample of the moment from which most noise was removed, over all leads.

    A section where leads are unreliable is chosen only if all others have as many of them.

    Args:
        drawn: The recording.
        seconds: Length of the moment.
    """
    doubtful = Counter(window.start for window in drawn.windows if window.reason)
    removed = _removed(drawn)
    start, stop = max(removed, key=lambda span: (-doubtful[span[0]], removed[span]))
    length = _length(drawn, seconds)
    return max(0, min((start + stop - length) // 2, len(drawn.signal) - length))


def _length(drawn: Drawn, seconds: float) -> int:
    return min(len(drawn.signal), max(2, round(seconds * drawn.fs)))


def _strips_figure(
    strips: Sequence[tuple[str, NDArray[np.float64], str]], fs: float, theme: Theme, width: float
) -> Figure:
    """Draw signals below each other: name, values in mV, colour."""
    swings = [
        float(np.nanmax(v) - np.nanmin(v)) if np.isfinite(v).any() else 0 for _, v, _ in strips
    ]
    gain = gain_of(max(a + b for a, b in zip(swings[::2], swings[1::2], strict=True)))
    gap, edge, placed = GAP_MM / gain, 0.0, []
    for (label, values, colour), swing in zip(strips, swings, strict=True):
        high = float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
        placed.append(Strip(label, values, edge - gap - high, colour))
        edge -= swing + gap
    time = np.arange(len(placed[0].values)) / fs
    left, right, bottom = -CALIBRATION_S, float(time[-1]), edge - gap / 2
    figure, axes = sheet(width, -bottom * gain / (MM_PER_S * (right - left)) * width)
    rule(axes, (left, right), (bottom, 0.0), (1 / MM_PER_S, 1 / gain), theme)
    draw(axes, time, placed, 0.0, 1.0, theme)
    calibrate(axes, left, min(placed[0].offset, -1 - gap / 4), theme)
    caption(axes, f"seconds · {MM_PER_S} mm/s · {gain:g} mm/mV", theme)
    axes.set_xticks(np.arange(np.ceil(right - 0.1)))
    return figure


def _removed(drawn: Drawn) -> dict[tuple[int, int], float]:
    """Return the removed noise of sections, mV: its mean standard deviation over the leads."""
    found = {}
    for start, stop in sorted({(window.start, window.stop) for window in drawn.windows}):
        noise = drawn.signal[start:stop] - drawn.cleaned[start:stop]
        columns = (column[np.isfinite(column)] for column in noise.T)
        found[start, stop] = fmean(float(np.std(c)) if len(c) else 0.0 for c in columns)
    return found
