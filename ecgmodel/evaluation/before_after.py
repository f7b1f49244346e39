"""Figure of a recording before and after cleaning, on ECG paper."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ecgmodel.denoise.trust import Window
from ecgmodel.evaluation.figures import LIGHT, WIDE, Theme
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
from ecgmodel.support.samples import Samples
from ecgmodel.support.units import clock

MOST_LEADS = 12


def before_after_figure(
    signal: Samples,
    cleaned: Samples,
    windows: Sequence[Window],
    fs: float,
    leads: Sequence[str],
    seconds: float = SECTION_S,
    theme: Theme = LIGHT,
    width: float = WIDE,
) -> Figure:
    """Draw the section of each lead from which most noise was removed, on the ECG's usual grid.

    A section where the network is unreliable is shown only if the lead has no other.

    Args:
        signal: The recording before cleaning, `(samples, leads)` in mV, NaN where a sample is
            missing.
        cleaned: The cleaned recording, of the same shape.
        windows: Its assessed sections, by lead and time.
        fs: Sampling rate, Hz.
        leads: Names of the leads; only the first twelve are drawn.
        seconds: Length of a section.
        theme: Colours.
        width: Width of the figure, inches.
    """
    length = min(len(signal), max(2, round(seconds * fs)))
    strips: list[tuple[str, NDArray[np.float64], str]] = []
    removed = _removed(signal, cleaned, windows)
    for lead, name in enumerate(leads[:MOST_LEADS]):
        own = [window for window in windows if window.lead == lead]
        noisiest = max(own, key=lambda w: (not w.reason, removed[w.start][w.lead]))
        middle = (noisiest.start + noisiest.stop - length) // 2
        at = max(0, min(middle, len(signal) - length))
        part = slice(at, at + length)
        place = f"{name}, {clock(at / fs)}"
        strips.append((f"{place}, before", signal[part][:, lead], theme.noisy))
        strips.append(("after", cleaned[part][:, lead], theme.model))
    swings = [
        float(np.nanmax(v) - np.nanmin(v)) if np.isfinite(v).any() else 0 for _, v, _ in strips
    ]
    gain = gain_of(max(a + b for a, b in zip(swings[::2], swings[1::2], strict=True)))
    gap, edge, placed = GAP_MM / gain, 0.0, []
    for (label, values, colour), swing in zip(strips, swings, strict=True):
        high = float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
        placed.append(Strip(label, values, edge - gap - high, colour))
        edge -= swing + gap
    time = np.arange(length) / fs
    left, right, bottom = -CALIBRATION_S, float(time[-1]), edge - gap / 2
    figure, axes = sheet(width, -bottom * gain / (MM_PER_S * (right - left)) * width)
    rule(axes, (left, right), (bottom, 0.0), (1 / MM_PER_S, 1 / gain), theme)
    draw(axes, time, placed, 0.0, 1.0, theme)
    calibrate(axes, left, min(placed[0].offset, -1 - gap / 4), theme)
    left_out = f" · {len(leads) - MOST_LEADS} more leads" if len(leads) > MOST_LEADS else ""
    caption(axes, f"seconds · {MM_PER_S} mm/s · {gain:g} mm/mV{left_out}", theme)
    axes.set_xticks(np.arange(np.ceil(right - 0.1)))
    return figure


def _removed(
    signal: Samples, cleaned: Samples, windows: Sequence[Window]
) -> dict[int, list[float]]:
    """Return the removed noise by first sample and lead: its standard deviation, -1 if unknown."""
    found = {}
    for start, stop in sorted({(window.start, window.stop) for window in windows}):
        noise = signal[start:stop] - cleaned[start:stop]
        columns = (column[np.isfinite(column)] for column in noise.T)
        found[start] = [float(np.std(column)) if len(column) else -1.0 for column in columns]
    return found
