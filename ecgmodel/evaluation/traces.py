"""Figures of original, noisy and denoised signals on ECG paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ecgmodel.evaluation.examples import ARRAYS, Example
from ecgmodel.evaluation.figures import LIGHT, WIDE, Theme

MM_PER_S, MM_PER_MV = 25, 10
SECTION_S = 6.0
CALIBRATION_S = 0.6
GAP_MM = 9.0
PAGE_MM = 120.0


@dataclass(frozen=True)
class Strip:
    """A signal and its position on the paper.

    Attributes:
        label: Name of the signal.
        values: Samples, mV.
        offset: Vertical position of zero, mV.
        colour: Colour of the line.
    """

    label: str
    values: NDArray[Any]
    offset: float
    colour: str


def section_figure(
    example: Example, seconds: float = SECTION_S, theme: Theme = LIGHT, width: float = WIDE
) -> Figure:
    """Draw the section with the largest residual error, on the usual grid of an ECG.

    The scale is 25 mm/s and 10 mm/mV (5, 2.5 ... mm/mV for large amplitudes), with a thin line
    every millimetre and a thick one every five. The original is drawn in grey behind the denoised
    signal.

    Args:
        example: The segment.
        seconds: Length of the section.
        theme: Colours.
        width: Width of the figure, inches.
    """
    first, last = worst_section(example, seconds)
    signals = _signals(example, first, last)
    swing = _swing(signals)
    gain = gain_of(swing)
    gap = GAP_MM / gain
    strips, bottom = _strips(signals, gap, theme), -swing - 3.5 * gap
    time = np.arange(first, last) / example.fs
    left, right = float(time[0]) - CALIBRATION_S, float(time[-1])
    figure, axes = sheet(width, -bottom * gain / (MM_PER_S * (right - left)) * width)
    rule(axes, (left, right), (bottom, 0.0), (1 / MM_PER_S, 1 / gain), theme)
    behind = signals["original"] + strips[-1].offset
    axes.plot(time, behind, color=theme.ink, linewidth=2.4, alpha=0.3)
    draw(axes, time, strips, float(time[0]), 1.1, theme)
    calibrate(axes, left, min(strips[0].offset, -1 - gap / 4), theme)  # not cut off at the top
    caption(axes, f"seconds into the segment · {MM_PER_S} mm/s · {gain:g} mm/mV", theme)
    axes.set_xticks(np.arange(np.ceil(left + CALIBRATION_S), right - 0.1))
    return figure


def segment_figure(
    example: Example, seconds: float = SECTION_S, theme: Theme = LIGHT, width: float = WIDE
) -> Figure:
    """Draw the whole segment, compressed in time, and shade the section of `section_figure`.

    Args:
        example: The segment.
        seconds: Length of the shaded section.
        theme: Colours.
        width: Width of the figure, inches.
    """
    signals = _signals(example, 0, len(example.original))
    swing = _swing(signals)
    gap = 0.1 * swing
    strips, bottom = _strips(signals, gap, theme), -swing - 3.5 * gap
    time = np.arange(len(example.original)) / example.fs
    figure, axes = sheet(width, 0.37 * width)
    rule(axes, (0.0, float(time[-1])), (bottom, 0.0), (0.2, _grid_step(-bottom)), theme)
    first, last = worst_section(example, seconds)
    axes.axvspan(first / example.fs, last / example.fs, color=theme.model, alpha=0.1, linewidth=0)
    draw(axes, time, strips, 0.0, 0.6, theme)
    caption(axes, "seconds into the segment", theme)
    axes.set_xticks(np.arange(5, time[-1] - 1, 5))
    return figure


def worst_section(example: Example, seconds: float) -> tuple[int, int]:
    """Return the first and last sample (exclusive) of the section with the largest error.

    A section shorter than the default lies within the default one.
    """
    total = len(example.original)
    start, stop = worst_section(example, SECTION_S) if seconds < SECTION_S else (0, total)
    length = min(stop - start, round(seconds * example.fs))
    error = example.denoised[start:stop].astype(np.float64) - example.original[start:stop]
    energy = np.concatenate([[0.0], np.cumsum(error**2)])
    first = start + int(np.argmax(energy[length:] - energy[: stop - start - length + 1]))
    return first, first + length


def _strips(signals: Mapping[str, NDArray[Any]], gap: float, theme: Theme) -> list[Strip]:
    """Stack the signals below zero without overlap, with a gap above each."""
    colours = {"original": theme.ink, "noisy": theme.noisy, "denoised": theme.model}
    strips: list[Strip] = []
    edge = 0.0
    for label, values in signals.items():
        high, low = _extent(signals, label)
        strips.append(Strip(label, values, edge - gap - high, colours[label]))
        edge += low - high - gap
    return strips


def _signals(example: Example, first: int, last: int) -> dict[str, NDArray[Any]]:
    return {name: getattr(example, name)[first:last] for name in ARRAYS}


def _extent(signals: Mapping[str, NDArray[Any]], label: str) -> tuple[float, float]:
    """Return upper and lower end of a strip, mV; that of the denoised includes the original."""
    shown = [signals[label], *([signals["original"]] if label == "denoised" else [])]
    return float(max(map(np.max, shown))), float(min(map(np.min, shown)))


def _swing(signals: Mapping[str, NDArray[Any]]) -> float:
    """Return the total height of all strips without gaps, mV."""
    extents = [_extent(signals, label) for label in signals]
    return sum(high - low for high, low in extents)


def gain_of(swing: float) -> float:
    """Return the vertical scale, mm/mV: 10, halved until the signals fit on a page."""
    gain = float(MM_PER_MV)
    while swing * gain > PAGE_MM and gain > 1:
        gain /= 2
    return gain


def _grid_step(swing: float) -> float:
    """Return the spacing of thin lines that gives about forty lines, mV."""
    return float(min((0.1, 0.2, 0.5, 1.0, 2.0), key=lambda step: abs(np.log(swing / step / 40))))


def sheet(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure whose axes leave space only for a line of text below."""
    below = 0.33
    figure = Figure(figsize=(width, height + below))
    axes = figure.add_axes((0, below / (height + below), 1, height / (height + below)))
    return figure, axes


def rule(
    axes: Axes,
    x: tuple[float, float],
    y: tuple[float, float],
    step: tuple[float, float],
    theme: Theme,
) -> None:
    """Draw the grid: a thin line every step, a thick one every five."""
    axes.figure.set_facecolor(theme.background)
    axes.set_facecolor(theme.paper)
    axes.set(xlim=x, ylim=y, yticks=[])
    for times, colour, line in ((1, theme.paper_minor, 0.5), (5, theme.paper_major, 0.7)):
        dx, dy = (times * size for size in step)
        xs = np.arange(np.ceil(x[0] / dx), x[1] / dx) * dx
        ys = np.arange(np.ceil(y[0] / dy), y[1] / dy) * dy
        lines = [[(v, y[0]), (v, y[1])] for v in xs] + [[(x[0], v), (x[1], v)] for v in ys]
        axes.add_collection(LineCollection(lines, colors=colour, linewidths=line, zorder=0))
    axes.tick_params(colors=theme.muted, length=0, labelsize=8.5, pad=2)
    axes.spines[:].set_visible(False)


def draw(
    axes: Axes,
    time: NDArray[Any],
    strips: Sequence[Strip],
    left: float,
    line: float,
    theme: Theme,
) -> None:
    """Draw the strips with their names at the left edge."""
    for strip in strips:
        values = strip.values + strip.offset
        axes.plot(time, values, color=strip.colour, linewidth=line)
        axes.annotate(
            strip.label,
            (left, float(np.max(values))),
            xytext=(5, 5),
            textcoords="offset points",
            color=strip.colour,
            fontsize=10,
            fontweight="bold",
            bbox={"facecolor": theme.paper, "edgecolor": "none", "pad": 1.5, "alpha": 0.85},
        )


def calibrate(axes: Axes, left: float, zero: float, theme: Theme) -> None:
    """Draw the calibration pulse of 1 mV and 0.2 s."""
    time = left + np.array([0.08, 0.18, 0.18, 0.38, 0.38, 0.48])
    axes.plot(time, zero + np.array([0, 0, 1, 1, 0, 0]), color=theme.ink, linewidth=1.1)
    axes.annotate(
        "1 mV",
        (left + 0.28, zero),
        xytext=(0, -11),
        textcoords="offset points",
        ha="center",
        color=theme.muted,
        fontsize=8,
    )


def caption(axes: Axes, text: str, theme: Theme) -> None:
    """Write a caption below the paper."""
    axes.set_xlabel(text, color=theme.muted, fontsize=8.5, labelpad=1)
