"""Pictures of the protocol: how errors are spread by method, and outputs over their targets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from ecgmodel.evaluation.figures import (
    LIGHT,
    NARROW,
    WIDE,
    Theme,
    legend,
    method_styles,
    panel_figure,
)
from ecgmodel.evaluation.summary import method_label
from ecgmodel.evaluation.traces import (
    CALIBRATION_S,
    GAP_MM,
    MM_PER_S,
    Strip,
    calibrate,
    caption,
    draw,
    gain_of,
    rule,
    sheet,
)
from ecgmodel.protocols._do_no_harm.measures import AROUND_QRS_S, ST_S
from ecgmodel.protocols._do_no_harm.measuring import HarmExample
from ecgmodel.protocols._goals import Goal
from ecgmodel.signals.standard import FS


def spread_figure(
    rows: pd.DataFrame,
    goals: Mapping[str, Goal],
    model: str,
    theme: Theme = LIGHT,
    width: float = WIDE,
) -> Figure:
    """Draw which share of windows, and of beats, has an error up to a size, a line a method.

    Args:
        rows: From `do_no_harm.evaluate`, of several methods one after the other.
        goals: By metric; the goals of `shape`, `st_median` and `st_99` are drawn in.
        model: The method to draw last and boldest.
        theme: Colours.
        width: Of the figure, inches.
    """
    figure, (shape, st) = panel_figure(2, width, 3.4, theme)
    styles = method_styles(list(rows["method"].unique()), model, theme)
    for axes, quantity in ((shape, "shape"), (st, "st")):
        chosen = rows[rows["quantity"] == quantity]
        for method, style in styles.items():
            values = np.sort(chosen.loc[chosen["method"] == method, "value"].to_numpy())
            share = 100 * np.arange(1, len(values) + 1) / max(len(values), 1)
            line = {**style, "marker": "", "label": method_label(method)}
            axes.plot(values, share, **line)
        axes.set_ylim(0, 100)
    shape.set(xlabel="shape error below the target, dB", ylabel="windows up to it, %")
    shape.set_xlim(0, 60)
    st.set(xlabel="change of ST level, mV", ylabel="beats up to it, %", xscale="log")
    st.set_xlim(0.0005, 0.5)
    st.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    _cross(shape, goals["shape"].goal, 50, f"goal: {goals['shape'].goal:g} dB for half", theme)
    _cross(st, goals["st_median"].goal, 50, "goal for half", theme)
    _cross(st, goals["st_99"].goal, 99, "goal for 99 %", theme)
    legend(figure, shape, theme)
    return figure


def example_figure(example: HarmExample, theme: Theme = LIGHT, width: float = WIDE) -> Figure:
    """Draw what a method was given, its output over the target, and their difference.

    On ECG paper in standard proportions, 25 mm/s to 10 mm/mV (5, 2.5 ... for large swings). QRS
    complexes are shaded, and so is where the ST level is read.

    Args:
        example: Two windows of a recording.
        theme: Colours.
        width: Of the figure, inches; a narrow one shows the first window.
    """
    samples = len(example.target) // (2 if width <= NARROW else 1)
    recorded, target, output = (
        signal[:samples] for signal in (example.recorded, example.target, example.output)
    )
    recorded = recorded - np.median(recorded)
    shown = {
        "recorded": (recorded, recorded, theme.noisy),
        "output over target": (output, np.concatenate([output, target]), theme.model),
        "difference": (output - target, output - target, theme.others[0]),
    }
    swing = sum(float(np.ptp(extent)) for _, extent, _ in shown.values())
    gain = gain_of(swing)
    gap = GAP_MM / gain
    strips, edge = [], 0.0
    for label, (values, extent, colour) in shown.items():
        strips.append(Strip(label, values, edge - gap - float(extent.max()), colour))
        edge -= gap + float(np.ptp(extent))
    bottom = edge - gap / 2
    time = (example.start + np.arange(samples)) / FS
    left, right = float(time[0]) - CALIBRATION_S, float(time[-1])
    figure, axes = sheet(width, -bottom * gain / (MM_PER_S * (right - left)) * width)
    rule(axes, (left, right), (bottom, 0.0), (1 / MM_PER_S, 1 / gain), theme)
    _shade(axes, example, samples, theme)
    axes.plot(time, target + strips[1].offset, color=theme.ink, linewidth=2.8, alpha=0.3)
    draw(axes, time, strips, float(time[0]), 1.1, theme)
    calibrate(axes, left, strips[1].offset, theme)
    caption(axes, f"seconds into the recording · {MM_PER_S} mm/s · {gain:g} mm/mV", theme)
    axes.set_xticks(np.arange(np.ceil(time[0]), right - 0.1))
    return figure


def _cross(axes: Axes, value: float, share: float, words: str, theme: Theme) -> None:
    """Draw a goal as a cross that a method's curve has to pass on the better side."""
    axes.axvline(value, color=theme.muted, linewidth=1, linestyle=(0, (4, 3)))
    axes.plot(value, share, marker="+", markersize=13, mew=2, color=theme.ink, zorder=5)
    axes.annotate(
        words,
        (value, share),
        xytext=(6, -12),
        textcoords="offset points",
        color=theme.ink,
        fontsize=8.5,
        bbox={"facecolor": theme.background, "edgecolor": "none", "pad": 1.5, "alpha": 0.85},
    )


def _shade(axes: Axes, example: HarmExample, samples: int, theme: Theme) -> None:
    """Shade QRS complexes, and 50 to 70 ms after their end in another colour.

    Without annotations of waves, the QRS is what its amplitude is taken of.
    """
    around = AROUND_QRS_S * FS
    spans = [(first, end) for first, _, end in example.waves] or [
        (beat - around, beat + around) for beat in example.beats
    ]
    for first, end in spans:
        if first < 0 or end + ST_S[1] * FS >= samples:
            continue
        first_s, end_s = ((example.start + at) / FS for at in (first, end))
        axes.axvspan(first_s, end_s, color=theme.model, alpha=0.11, linewidth=0)
        if len(example.waves):
            st = (end_s + s for s in ST_S)
            axes.axvspan(*st, color=theme.others[1], alpha=0.35, linewidth=0)
