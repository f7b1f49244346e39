"""What the protocol's page has of its own: its lead, its goals, curves and traces."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from ecgmodel.evaluation.examples import Example
from ecgmodel.evaluation.figures import LIGHT, NOISE_LABELS, WIDE, Theme, gain_curves, variants
from ecgmodel.evaluation.metrics import METRICS
from ecgmodel.evaluation.summary import method_label
from ecgmodel.evaluation.traces import section_figure
from ecgmodel.protocols._leak_free.goals import GOAL_NOISE, METRIC
from ecgmodel.protocols._page import AGAINST_GOALS, Row, Section
from ecgmodel.protocols._sections import Pictures, Results, named
from ecgmodel.protocols._tables import interval, text

SHOWN_ROLES = ("median", "worst")
DIGITS = METRICS[METRIC].digits


def lead(results: Results) -> str:
    """Return who gains most, on how many segments of how many people."""
    means = results.means(METRIC)
    best = max(means, key=lambda method: means[method])
    about = results.tables["about"].iloc[0]
    return (
        f"{method_label(best)} gains most: {means[best]:.2f} dB over all noise, on "
        f"{about['segments']} segments of {about['subjects']} test subjects "
        f"(target: {about['target']})."
    )


def against_baselines_section(results: Results) -> Section:
    """Return how far the own networks lie above the best baseline."""
    table = named(results.tables["goals"])
    groups = {
        method: [_goal_row(at) for _, at in table[table["method"] == method].iterrows()]
        for method in (results.own if len(table) else ())
    }
    return Section(
        AGAINST_GOALS,
        f"How far above the best baseline, dB: with {GOAL_NOISE} noise at each SNR, and over each "
        "noise type. A baseline is compared with the best of the others.",
        ("Noise", "Mean", "Best baseline", "Margin", "Goal", ""),
        groups,
    )


def _goal_row(at: pd.Series) -> Row:
    level = "" if pd.isna(at["snr_db"]) else f", {at['snr_db']:g} dB"
    cells = (
        f"{at['noise_type']}{level}",
        text(at["mean"], DIGITS),
        f"{at['best_baseline']} {text(at['baseline_mean'], DIGITS)}",
        text(at["margin"], DIGITS),
        f"{at['goal']:g}",
        "reached" if at["passes_goal"] else "not reached",
    )
    return Row(cells, ("", "", "", interval(at["low"], at["high"], DIGITS), "", ""))


def curves(results: Results) -> Pictures:
    """Draw the gain over the SNR, a panel a noise type."""

    def draw(theme: Theme = LIGHT, width: float = WIDE) -> Figure:
        return gain_curves(results.tables["by_cell"], results.shown, theme, width)

    return {"A panel a noise type": variants(draw)}


def traces(results: Results) -> Pictures:
    """Draw the median and the worst segment of each noise type."""
    drawn = {}
    for one in results.examples:
        if one.role in SHOWN_ROLES:
            what = (
                f"{NOISE_LABELS.get(one.noise_type, one.noise_type)}, the {one.role} "
                f"segment at {one.snr_db:g} dB: {one.record} {one.lead}, "
                f"{one.snr_improvement:+.1f} dB"
            )
            drawn[what] = _trace(one)
    return drawn


def _trace(one: Example) -> dict[str, str]:
    def draw(theme: Theme = LIGHT, width: float = WIDE) -> Figure:
        return section_figure(one, 6.0 if width == WIDE else 3.0, theme, width)

    return variants(draw)
