"""Original, noisy and denoised signal on ECG paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ecgmodel.evaluation.examples import Example
from ecgmodel.evaluation.figures import LIGHT, WIDE, Theme

MM_PER_S, MM_PER_MV = 25, 10
SECTION_S = 6.0
CALIBRATION_S = 0.6
TOP_MV = 1.2


@dataclass(frozen=True)
class Strip:
    """One signal's place on the paper.

    Attributes:
        label: Its name.
        values: Its samples, mV.
        offset: Where its zero lies, mV.
        colour: Of its line.
    """

    label: str
    values: NDArray[Any]
    offset: float
    colour: str


def section_figure(
    example: Example, seconds: float = SECTION_S, theme: Theme = LIGHT, width: float = WIDE
) -> Figure:
    """Draw the section with the largest error that is left, as an electrocardiograph would.

    25 mm/s and 10 mm/mV (5 or 2.5 mm/mV where the swings are too large for a page); a thin line
    every millimetre and a thick one every five. The original stands in pale behind the denoised
    signal.

    Args:
        example: The stretch.
        seconds: Length of the section.
        theme: Colours.
        width: Of the figure, inches.
    """
    first, last = worst_section(example, seconds)
    strips, bottom = _strips(example, first, last, theme)
    time = np.arange(first, last) / example.fs
    left, gain = float(time[0]) - CALIBRATION_S, _gain(TOP_MV - bottom)
    figure, axes = _sheet(
        width, width * (gain * (TOP_MV - bottom)) / (MM_PER_S * (time[-1] - left))
    )
    _rule(axes, (left, time[-1]), (bottom, TOP_MV), (1 / MM_PER_S, 1 / gain), theme)
    behind = strips[0].values + strips[-1].offset
    axes.plot(time, behind, color=theme.ink, linewidth=2.4, alpha=0.3)
    _draw(axes, time, strips, left, 1.1, theme)
    _calibrate(axes, left, strips[0].offset, theme)
    _caption(axes, f"seconds into the stretch · {MM_PER_S} mm/s · {gain:g} mm/mV", theme)
    axes.set_xticks(np.arange(np.ceil(time[0]), time[-1] - 0.1))
    return figure


def stretch_figure(
    example: Example, seconds: float = SECTION_S, theme: Theme = LIGHT, width: float = WIDE
) -> Figure:
    """Draw the whole stretch, compressed in time, and shade the section of `section_figure`.

    Args:
        example: The stretch.
        seconds: Length of the section that is shaded.
        theme: Colours.
        width: Of the figure, inches.
    """
    strips, bottom = _strips(example, 0, len(example.original), theme)
    time = np.arange(len(example.original)) / example.fs
    figure, axes = _sheet(width, 0.37 * width)
    _rule(axes, (0.0, time[-1]), (bottom, TOP_MV), (0.2, _pleasant(TOP_MV - bottom)), theme)
    first, last = worst_section(example, seconds)
    axes.axvspan(first / example.fs, last / example.fs, color=theme.model, alpha=0.1, linewidth=0)
    _draw(axes, time, strips, 0.0, 0.6, theme)
    _caption(axes, "seconds into the stretch", theme)
    axes.set_xticks(np.arange(5, time[-1] - 1, 5))
    return figure


def worst_section(example: Example, seconds: float) -> tuple[int, int]:
    """Return the first and the last sample (exclusive) of the section with the largest error."""
    total = len(example.original)
    length = min(total, round(seconds * example.fs))
    squared = (np.asarray(example.denoised, np.float64) - example.original) ** 2
    energy = np.concatenate([[0.0], np.cumsum(squared)])
    first = int(np.argmax(energy[length:] - energy[: total - length + 1]))
    return first, first + length


def _strips(example: Example, first: int, last: int, theme: Theme) -> tuple[list[Strip], float]:
    """Return the three strips, none touching the next, and the lower end of the paper, mV."""
    strips: list[Strip] = []
    edge = TOP_MV - 0.7
    for label, signal, colour in (
        ("original", example.original, theme.ink),
        ("noisy", example.noisy, theme.noisy),
        ("denoised", example.denoised, theme.model),
    ):
        values = signal[first:last]
        strips.append(Strip(label, values, edge - float(np.max(values)), colour))
        edge = float(np.min(values)) + strips[-1].offset - 0.9
    return strips, edge + 0.5


def _gain(swing: float) -> float:
    """Return mm/mV: the usual ten, or a half or a quarter of it for large swings."""
    return MM_PER_MV / (1 if swing < 15 else 2 if swing < 30 else 4)


def _pleasant(swing: float) -> float:
    """Return the spacing of thin lines that gives a whole stretch about forty of them, mV."""
    return float(min((0.1, 0.2, 0.5, 1.0, 2.0), key=lambda step: abs(np.log(swing / step / 40))))


def _sheet(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure whose axes fill it, but for a line of text below."""
    below = 0.33
    figure = Figure(figsize=(width, height + below))
    axes = figure.add_axes((0, below / (height + below), 1, height / (height + below)))
    return figure, axes


def _rule(
    axes: Axes,
    x: tuple[float, float],
    y: tuple[float, float],
    step: tuple[float, float],
    theme: Theme,
) -> None:
    """Rule the paper: a thin line every step, a thick one every five."""
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


def _draw(
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


def _calibrate(axes: Axes, left: float, zero: float, theme: Theme) -> None:
    """Draw the pulse of 1 mV and 0.2 s that says what the squares mean."""
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


def _caption(axes: Axes, text: str, theme: Theme) -> None:
    axes.set_xlabel(text, color=theme.muted, fontsize=8.5, labelpad=1)
