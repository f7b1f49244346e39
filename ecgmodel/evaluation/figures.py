"""Charts of an evaluation: loss curves, SNR in and out, SNR improvement; and shared helpers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter
from numpy.typing import NDArray

from ecgmodel.errors import SettingsError
from ecgmodel.evaluation.encoding import RC, as_uri, encode
from ecgmodel.evaluation.summary import NO_NOISE, method_label, noisy_rows, pivot

WIDE, NARROW = 9.0, 4.2
"""Figure widths in inches, for the column of a page and for a phone in portrait mode."""

NOISE_LABELS = {
    "bw": "baseline wander (bw)",
    "ma": "muscle artifact (ma)",
    "em": "electrode motion (em)",
    "mixed": "all three (mixed)",
}
MARKERS = ("s", "^", "D", "v", "P", "X", "<", "p")
PLACES = (
    *("butterworth", "fir", "wavelet", "neurokit"),
    *("conv_autoencoder", "fcn_dae", "deepfilter", "tcdae"),
)
"""Methods with a fixed colour and marker on every page; others use the remaining ones."""


@dataclass(frozen=True)
class Theme:
    """Colours of a figure, distinguishable by colour-blind readers (Okabe and Ito 2008)."""

    ink: str = "#1f2328"
    muted: str = "#6b7280"
    grid: str = "#e3e6ea"
    background: str = "#ffffff"
    paper: str = "#fffafa"
    paper_minor: str = "#f8e2df"
    paper_major: str = "#efbfb8"
    noisy: str = "#7a7f87"
    model: str = "#0069b4"
    others: tuple[str, ...] = (
        *("#d98200", "#00845f", "#b8578f", "#9a5b2b"),
        *("#5c5fa8", "#c4314b", "#1c8fa6", "#7a7a00"),
    )


LIGHT = Theme()
DARK = Theme(
    ink="#e8eaed",
    muted="#9aa3ad",
    grid="#333a42",
    background="#161a1f",
    paper="#1b171a",
    paper_minor="#2c2226",
    paper_major="#4a343a",
    noisy="#9aa0a8",
    model="#5cb8ff",
    others=(
        *("#f0a63c", "#33c79b", "#e08fbf", "#c98f5c"),
        *("#9da0e8", "#f2788a", "#58c4d8", "#c4c455"),
    ),
)


def loss_curves(
    history: Mapping[str, Sequence[float]], theme: Theme = LIGHT, width: float = WIDE
) -> Figure:
    """Draw training and validation loss by epoch and mark the best epoch.

    Args:
        history: One value per epoch of `loss` and, with validation, of `val_loss`. `start` is the
            validation loss of the initial weights, given if no epoch improved on it.
        theme: Colours.
        width: Width of the figure, inches.

    Raises:
        SettingsError: The history has no `loss`.
    """
    if not len(history.get("loss", ())):
        raise SettingsError(
            f"Expected a history with `loss`, one value per epoch. Received: {sorted(history)}"
        )
    figure, (axes,) = panel_figure(1, width, 3.2, theme)
    names = {"loss": ("training", theme.others[0]), "val_loss": ("validation", theme.model)}
    for key, (label, colour) in names.items():
        values = np.asarray(history.get(key, ()), dtype=float)
        if len(values):
            epochs = np.arange(1, len(values) + 1)
            marker = "o" if len(values) < 3 else None
            axes.plot(epochs, values, color=colour, label=label, linewidth=1.8, marker=marker)
    watched = np.asarray(history.get("val_loss") or history["loss"], dtype=float)
    if start := history.get("start"):
        text = f"initial weights {start[0]:.3g}; no epoch improved on them"
        _annotate_epoch(axes, 0, start[0], text, theme)
    elif np.isfinite(watched).any():
        best = int(np.nanargmin(watched))
        text = f"best epoch {best + 1}: {watched[best]:.3g}"
        _annotate_epoch(axes, best + 1, watched[best], text, theme)
    _scale_loss(axes, watched)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="epoch", ylabel="loss")
    legend(figure, axes, theme)
    return figure


def snr_curves(
    summary: pd.DataFrame, model: str, theme: Theme = LIGHT, width: float = WIDE
) -> Figure:
    """Draw mean SNR out against mean SNR in for each method, one panel per noise type.

    Both are means over metric windows, so that the unfiltered signal lies on the identity line.

    Args:
        summary: From `summarise` with the default cells.
        model: The method to highlight.
        theme: Colours.
        width: Width of the figure, inches.
    """
    snr_in, snr_out = (pivot(noisy_rows(summary), name) for name in ("snr_in", "snr_out"))
    noises = list(snr_out.index.unique(level=0))
    styles = method_styles([str(m) for m in snr_out.columns], model, theme)
    figure, panels = panel_figure(len(noises), width, 2.9, theme)
    low = float(snr_in.min().min())
    for axes, noise in zip(panels, noises, strict=True):
        x, y = snr_in.loc[noise], snr_out.loc[noise]
        high = float(x.max().max())
        axes.plot([low, high], [low, high], color=theme.muted, linewidth=1, linestyle=(0, (4, 3)))
        _note(axes, low, "no improvement", theme)
        for method, style in styles.items():
            if method != NO_NOISE:
                axes.plot(x[method], y[method], label=method_label(method), **style)
        axes.set_title(NOISE_LABELS.get(noise, noise), loc="left", color=theme.ink, fontsize=10.5)
        axes.set(xlabel="SNR in, dB", ylabel="SNR out, dB")
    _share_limits(panels)
    legend(figure, panels[0], theme)
    return figure


def gain_curves(
    summary: pd.DataFrame, model: str, theme: Theme = LIGHT, width: float = WIDE
) -> Figure:
    """Draw the mean SNR improvement over the SNR for each method, one panel per noise type.

    Args:
        summary: From `summarise` with the default cells.
        model: The method to highlight.
        theme: Colours.
        width: Width of the figure, inches.
    """
    mean = pivot(noisy_rows(summary), "snr_improvement")
    noises = list(mean.index.unique(level=0))
    styles = method_styles([str(m) for m in mean.columns], model, theme)
    figure, panels = panel_figure(len(noises), width, 2.9, theme)
    for axes, noise in zip(panels, noises, strict=True):
        axes.axhline(0, color=theme.muted, linewidth=1, linestyle=(0, (4, 3)))
        for method, style in styles.items():
            if method != NO_NOISE:
                axes.plot(mean.loc[noise, method], label=method_label(method), **style)
        axes.set_xticks(list(mean.loc[noise].index))
        axes.set_title(NOISE_LABELS.get(noise, noise), loc="left", color=theme.ink, fontsize=10.5)
        axes.set(xlabel="SNR of the segment, dB", ylabel="SNR improvement, dB")
    _share_limits(panels)
    legend(figure, panels[0], theme)
    return figure


def improvement_dots(
    summary: pd.DataFrame, model: str, theme: Theme = LIGHT, width: float = WIDE
) -> Figure:
    """Draw the mean SNR improvement by noise type and SNR, one dot per method.

    Bars are the 95 % interval over subjects of the model's mean.

    Args:
        summary: From `summarise` with the default cells.
        model: The method to highlight.
        theme: Colours.
        width: Width of the figure, inches.
    """
    noisy = noisy_rows(summary)
    mean, low, high = (pivot(noisy, "snr_improvement", v) for v in ("mean", "low", "high"))
    noises = list(mean.index.unique(level=0))
    styles = method_styles([str(m) for m in mean.columns], model, theme)
    figure, panels = panel_figure(len(noises), width, 2.6, theme)
    for axes, noise in zip(panels, noises, strict=True):
        levels = list(mean.loc[noise].index)
        places = np.arange(len(levels))
        axes.axvline(0, color=theme.muted, linewidth=1)
        if model in mean:
            ends = (low.loc[noise, model], high.loc[noise, model])
            axes.hlines(places, *ends, color=theme.model, linewidth=5, alpha=0.25)
        for method, style in styles.items():
            if method != NO_NOISE:
                dots = {**style, "linestyle": "none", "label": method_label(method)}
                axes.plot(mean.loc[noise, method], places, **dots)
        axes.set_yticks(places, [f"{level:g} dB" for level in levels])
        axes.set_title(NOISE_LABELS.get(noise, noise), loc="left", color=theme.ink, fontsize=10.5)
        axes.set(xlabel="SNR improvement, dB", ylim=(len(levels) - 0.4, -0.6))
    _share_limits(panels, y=False)
    legend(figure, panels[0], theme)
    return figure


def method_styles(methods: Sequence[str], model: str, theme: Theme = LIGHT) -> dict[str, Any]:
    """Return plot styles by method: the same colour and marker in every figure, the model last.

    A model that is listed in `PLACES` keeps its colour, and is only drawn with thicker lines.

    Args:
        methods: All methods in the figure; "none" is the unfiltered signal.
        model: The method to highlight.
        theme: Colours.
    """
    styles: dict[str, Any] = {NO_NOISE: {"color": theme.muted}} if NO_NOISE in methods else {}
    others = [method for method in methods if method not in (model, NO_NOISE)]
    for method, at in _places([*others, model]).items():
        styles[method] = {
            "color": theme.others[at % len(theme.others)],
            "marker": MARKERS[at % len(MARKERS)],
            "markersize": 4.5,
            "linewidth": 1.2,
        }
    if model not in PLACES:
        styles[model] = {"color": theme.model, "marker": "o"}
    styles[model] |= {"markersize": 7, "linewidth": 2.4}
    return {method: styles[method] for method in styles if method in methods}


def _places(methods: Sequence[str]) -> dict[str, int]:
    """Return the colour index of each method: its fixed one, else the next free one."""
    left = [at for at, name in enumerate(PLACES) if name not in methods]
    left += range(len(PLACES), len(PLACES) + len(methods))
    return {m: PLACES.index(m) if m in PLACES else left.pop(0) for m in methods}


def variants(draw: Callable[..., Figure]) -> dict[str, str]:
    """Return a figure in two widths and two themes, for the macro `picture` of a page.

    Args:
        draw: Returns the figure for `theme` and `width`; themes differ in nothing but colours.
    """
    shown = {}
    for size, width in (("wide", WIDE), ("narrow", NARROW)):
        light = encode(draw(theme=LIGHT, width=width), "svg")
        for tone, svg in (("light", light), ("dark", _darkened(light))):
            shown[f"{size}_{tone}"] = as_uri(svg, "svg")
    return shown


def _darkened(svg: bytes) -> bytes:
    """Return an SVG drawn in `LIGHT` as drawn in `DARK`, which takes a hundredth of the time."""
    pairs = zip(_colours(LIGHT), _colours(DARK), strict=True)
    dark = {one.encode(): other.encode() for one, other in pairs}
    return re.sub(rb"#[0-9a-f]{6}\b", lambda found: dark.get(found[0], found[0]), svg)


def _colours(theme: Theme) -> list[str]:
    return [*astuple(theme)[:-1], *theme.others]


def style_axes(axes: Axes, theme: Theme) -> None:
    """Apply a theme's colours to axes, with a grid and without a frame."""
    axes.set_facecolor(theme.background)
    axes.grid(color=theme.grid, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=theme.muted, labelcolor=theme.ink, length=0)
    axes.xaxis.label.set_color(theme.ink)
    axes.yaxis.label.set_color(theme.ink)
    axes.spines[:].set_visible(False)


def panel_figure(
    count: int, width: float, height: float, theme: Theme
) -> tuple[Figure, list[Axes]]:
    """Return a figure with `count` panels, two per row if the width allows, and its axes."""
    columns = 1 if width < 6 or count == 1 else 2
    rows = -(-count // columns)
    with mpl.rc_context(RC):
        figure = Figure(
            figsize=(width, rows * height + 0.4), facecolor=theme.background, layout="constrained"
        )
        panels = [figure.add_subplot(rows, columns, i + 1) for i in range(count)]
    for axes in panels:
        style_axes(axes, theme)
    return figure, panels


def legend(figure: Figure, axes: Axes, theme: Theme) -> None:
    """Draw the legend of one panel above a figure."""
    handles, labels = axes.get_legend_handles_labels()
    narrow = 2 if max(map(len, labels), default=0) > 14 else 3
    rows = max(1, -(-len(labels) // (6 if figure.get_figwidth() > 6 else narrow)))
    columns = -(-len(labels) // rows)
    figure.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=max(columns, 1),
        frameon=False,
        labelcolor=theme.ink,
    )


def _share_limits(panels: Sequence[Axes], y: bool = True) -> None:
    for get, put in (("get_xlim", "set_xlim"), ("get_ylim", "set_ylim"))[: 2 if y else 1]:
        limits = [getattr(axes, get)() for axes in panels]
        for axes in panels:
            getattr(axes, put)(min(low for low, _ in limits), max(high for _, high in limits))


def _note(axes: Axes, at: float, text: str, theme: Theme) -> None:
    """Write a text below the lower end of the diagonal."""
    axes.annotate(
        text,
        (at, at),
        xytext=(12, -1),
        textcoords="offset points",
        color=theme.muted,
        fontsize=8.5,
    )


def _annotate_epoch(axes: Axes, epoch: int, loss: float, text: str, theme: Theme) -> None:
    """Highlight the epoch whose weights were saved."""
    axes.axvline(epoch, color=theme.muted, linewidth=0.8, linestyle=":")
    axes.plot(epoch, loss, "o", color=theme.model, markersize=6)
    left = epoch > np.mean(axes.get_xlim())
    axes.annotate(
        text,
        (epoch, 1),
        xycoords=("data", "axes fraction"),
        xytext=(-6 if left else 6, -4),
        textcoords="offset points",
        ha="right" if left else "left",
        va="top",
        color=theme.ink,
    )


def _scale_loss(axes: Axes, watched: NDArray[Any]) -> None:
    """Use a logarithmic axis if the loss falls to less than a fifth."""
    if not np.isfinite(watched).any():
        return
    if np.nanmin(watched) > 0 and np.nanmax(watched) > 5 * np.nanmin(watched):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
