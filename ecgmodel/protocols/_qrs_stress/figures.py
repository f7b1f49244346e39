"""Pictures of the protocol: F1 by level with the goals, and records as a method left them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from ecgmodel.evaluation.figures import (
    LIGHT,
    NARROW,
    WIDE,
    Theme,
    legend,
    method_styles,
    panel_figure,
    style_axes,
)
from ecgmodel.evaluation.summary import NO_NOISE, method_label
from ecgmodel.protocols._goals import Goal
from ecgmodel.protocols._qrs_stress.measuring import Excerpt
from ecgmodel.protocols._qrs_stress.records import FS

LANES = {"reference": 0.11, "found": 0.04}
"""Where beats stand, as a share of a panel's height."""

SCALES_MV = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)


def f1_figure(
    table: pd.DataFrame,
    goals: Mapping[int, Goal],
    model: str,
    theme: Theme = LIGHT,
    width: float = WIDE,
) -> Figure:
    """Draw F1 by level, a line a method, and how far each lies above no filter.

    Args:
        table: One row a method and level: `method`, `snr_db`, `mean`.
        goals: By level; goals and first steps are short lines.
        model: The method to draw last and boldest.
        theme: Colours.
        width: Of the figure, inches.
    """
    means = table.pivot(index="snr_db", columns="method", values="mean").sort_index()
    styles = method_styles(list(table["method"].unique()), model, theme)
    against: list[Any] = [means[NO_NOISE] * 0, means[NO_NOISE]] if NO_NOISE in means else [0.0]
    figure, panels = panel_figure(len(against), width, 3.6, theme)
    for axes, floor, title in zip(panels, against, ("F1", "F1 above no filter"), strict=False):
        for method, style in styles.items():
            axes.plot(means[method] - floor, label=method_label(method), **style)
        _draw_goals(axes, goals, floor, list(means.index), theme)
        axes.set_title(title, loc="left", color=theme.ink, fontsize=10.5)
        axes.set_xticks(list(means.index))
        axes.set_xlabel("level, dB")
    legend(figure, panels[0], theme)
    return figure


def excerpt_figure(
    excerpts: Sequence[Excerpt], theme: Theme = LIGHT, width: float = WIDE
) -> Figure:
    """Draw a panel a level: noisy above; cleaned over clean below, and beats under them.

    Args:
        excerpts: Of one person, at several levels.
        theme: Colours.
        width: Of the figure, inches; a narrow one shows half of the seconds.
    """
    figure = Figure(figsize=(width, 2.2 * len(excerpts) + 0.5), layout="constrained")
    figure.set_facecolor(theme.background)
    panels = figure.subplots(len(excerpts), 1, squeeze=False)[:, 0]
    for axes, excerpt in zip(panels, excerpts, strict=True):
        samples = len(excerpt.noisy) // (2 if width <= NARROW else 1)
        _draw_signals(axes, excerpt, samples, theme)
        _draw_beats(axes, excerpt, samples, theme)
        axes.set_title(f"{excerpt.level} dB", loc="left", color=theme.ink, fontsize=10.5)
        axes.set(xlim=(0, samples / FS), yticks=[])
        style_axes(axes, theme)
    panels[-1].set_xlabel("seconds")
    legend(figure, panels[0], theme)
    return figure


def _draw_goals(
    axes: Axes, goals: Mapping[int, Goal], floor: Any, levels: Sequence[int], theme: Theme
) -> None:
    """Draw goals and first steps as short lines across each level that has them."""
    known = [level for level in levels if level in goals]
    floors = [floor[level] if isinstance(floor, pd.Series) else floor for level in known]
    for name, line, label in (("goal", "solid", "goal"), ("first_step", "dotted", "first step")):
        heights = [getattr(goals[at], name) - low for at, low in zip(known, floors, strict=True)]
        left, right = ([level + side for level in known] for side in (-1.8, 1.8))
        axes.hlines(
            heights, left, right, colors=theme.ink, linestyles=line, linewidth=1.8, label=label
        )


def _draw_signals(axes: Axes, excerpt: Excerpt, samples: int, theme: Theme) -> None:
    """Draw the three signals, each without its median, and the noisy one above the others."""
    noisy, cleaned, clean = (
        signal[:samples] - np.median(signal[:samples])
        for signal in (excerpt.noisy, excerpt.cleaned, excerpt.clean)
    )
    time = np.arange(samples) / FS
    below = np.concatenate([cleaned, clean[np.isfinite(clean)]])
    gap = 0.06 * (np.ptp(noisy) + np.ptp(below))
    above = float(below.max() - noisy.min() + gap)
    axes.plot(time, noisy + above, color=theme.noisy, linewidth=1, label="noisy")
    axes.plot(time, clean, color=theme.ink, linewidth=2.6, alpha=0.3, label="clean")
    axes.plot(time, cleaned, color=theme.model, linewidth=1.2, label="cleaned")
    low, high = float(below.min()), float(noisy.max()) + above
    axes.set_ylim(low - 0.22 * (high - low), high + gap / 2)
    _draw_scale(axes, low, high - low, theme)


def _draw_scale(axes: Axes, low: float, height: float, theme: Theme) -> None:
    """Draw a bar at the left edge that says how high some mV are."""
    size = max((mv for mv in SCALES_MV if mv < height / 3), default=SCALES_MV[0])
    place = blended_transform_factory(axes.transAxes, axes.transData)
    bar: dict[str, Any] = {"color": theme.ink, "linewidth": 2, "clip_on": False, "transform": place}
    axes.plot([-0.008, -0.008], [low, low + size], **bar)
    axes.annotate(
        f"{size:g} mV",
        (-0.008, low + size / 2),
        xycoords=place,
        xytext=(-4, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        rotation=90,
        color=theme.ink,
        fontsize=8.5,
    )


def _draw_beats(axes: Axes, excerpt: Excerpt, samples: int, theme: Theme) -> None:
    """Draw two lanes at the bottom: reference beats, and what was found, missed and invented."""
    place = blended_transform_factory(axes.transData, axes.transAxes)
    right = np.setdiff1d(excerpt.found, excerpt.false)
    wrong = theme.others[0]
    lanes: tuple[tuple[Any, str, str, dict[str, Any]], ...] = (
        (excerpt.reference, "reference", "reference beat", {"marker": "|", "color": theme.ink}),
        (right, "found", "found", {"marker": "o", "color": theme.model}),
        (excerpt.missed, "found", "missed", {"marker": "o", "color": wrong, "mfc": "none"}),
        (excerpt.false, "found", "false", {"marker": "x", "color": wrong, "mew": 1.8}),
    )
    for beats, lane, label, style in lanes:
        at = beats[beats < samples] / FS
        height = np.full(len(at), LANES[lane])
        axes.plot(at, height, linestyle="none", markersize=6, transform=place, label=label, **style)
