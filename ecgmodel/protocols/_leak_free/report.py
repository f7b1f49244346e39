"""The protocol's page: SNR improvement by SNR and by noise type, what is left, and traces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from ecgmodel.evaluation.examples import Example
from ecgmodel.evaluation.figures import LIGHT, NOISE_LABELS, WIDE, Theme, gain_curves, variants
from ecgmodel.evaluation.metrics import METRICS
from ecgmodel.evaluation.summary import NO_NOISE, NOISE_ORDER, method_label
from ecgmodel.evaluation.traces import section_figure
from ecgmodel.protocols._leak_free.marks import MARKED_NOISE, METRIC
from ecgmodel.protocols._methods import own
from ecgmodel.protocols._page import AGAINST_MARKS, Page, Row, Section
from ecgmodel.protocols._plain_page import methods_of, named
from ecgmodel.protocols._tables import by_cell, by_metric, column, interval, text, with_best

LEFT = ("snr_improvement", "rmse", "prd", "cossim", "mad", "drift", "shape")
SHOWN_ROLES = ("median", "worst")
DIGITS = METRICS[METRIC].digits


def build(
    title: str,
    notes: Sequence[str],
    tables: Mapping[str, pd.DataFrame],
    name: str,
    examples: Sequence[Example],
) -> Page:
    """Return the page.

    Args:
        title: The protocol's.
        notes: The protocol's.
        tables: From `leak_free.tables`.
        name: The method whose stretches are shown.
        examples: Its stretches.
    """
    networks = own(methods_of(tables["all"]))
    cells = tables["by_cell"]
    tables = {name: named(table) if "method" in table else table for name, table in tables.items()}
    everything = tables["all"][tables["all"]["metric"] == METRIC]
    best = str(everything.dropna(subset=["mean"]).sort_values("mean")["method"].iloc[-1])
    mean = float(everything.set_index("method")["mean"].loc[best])
    about = tables["about"].iloc[0]
    lead = (
        f"{best} gains most: {mean:.2f} dB over all noise, on {about['stretches']} stretches of "
        f"{about['subjects']} people that nothing learned from (target: {about['target']})."
    )
    sections = [
        _by_snr(tables["by_cell"], networks),
        _by_noise(tables["by_noise"], networks),
        Section(
            "SNR improvement over SNR",
            "Means over windows.",
            pictures={"A panel a noise type": _curves(cells, name)},
        ),
        _left(tables["all"], networks),
        _untouched(tables["by_cell"], networks),
        _marks(tables["marks"], networks),
        _by_rate(tables["by_rate"], networks),
        _elsewhere(tables["published"]),
        _traces(name, examples),
    ]
    return Page(title, lead, notes, [s for s in sections if s.rows or s.pictures])


def _by_snr(cells: pd.DataFrame, networks: Sequence[str]) -> Section:
    rows = cells[(cells["metric"] == METRIC) & (cells["method"] != method_label(NO_NOISE))]
    levels = sorted(rows["snr_db"].dropna().unique())
    groups = {
        NOISE_LABELS.get(noise, noise): by_cell(
            rows[rows["noise_type"] == noise], "snr_db", levels, DIGITS, networks
        )
        for noise in _ordered(list(rows["noise_type"].unique()))
    }
    marked = {
        name: with_best({name: lines}, [True] * len(levels))[name]
        for name, lines in groups.items()
        if lines
    }
    return Section(
        "SNR improvement by SNR",
        "Mean over windows, dB; the best of each noise type is bold.",
        ("Method", *(f"{level:g} dB" for level in levels)),
        marked,
    )


def _by_noise(table: pd.DataFrame, networks: Sequence[str]) -> Section:
    rows = table[(table["metric"] == METRIC) & (table["method"] != method_label(NO_NOISE))]
    noises = _ordered(list(rows["noise_type"].unique()))
    lines = by_cell(rows, "noise_type", noises, DIGITS, networks)
    return Section(
        "SNR improvement by noise type",
        "Mean over all SNRs, dB.",
        ("Method", *(str(n) for n in noises)),
        with_best({"": lines}, [True] * len(noises)),
    )


def _curves(cells: pd.DataFrame, name: str) -> dict[str, str]:
    def draw(theme: Theme = LIGHT, width: float = WIDE) -> Figure:
        return gain_curves(cells, name, theme, width)

    return variants(draw)


def _left(table: pd.DataFrame, networks: Sequence[str]) -> Section:
    lines = by_metric(table, METRICS, LEFT, networks, "interval")
    return Section(
        "What is left, over all noise",
        "Mean, and its 95 % interval by bootstrap over people.",
        ("Method", *(column(METRICS[name]) for name in LEFT)),
        with_best({"": lines}, [METRICS[name].higher_is_better for name in LEFT]),
    )


def _untouched(cells: pd.DataFrame, networks: Sequence[str]) -> Section:
    rows = cells[(cells["noise_type"] == NO_NOISE) & (cells["method"] != method_label(NO_NOISE))]
    names = ("snr_out", "rmse", "mad", "shape")
    lines = by_metric(rows, METRICS, names, networks, "interval")
    return Section(
        "Where no noise was added",
        "What a method does to a signal that is good: the closer to it the better.",
        ("Method", *(column(METRICS[name]) for name in names)),
        with_best({"": lines}, [METRICS[name].higher_is_better for name in names]),
    )


def _marks(table: pd.DataFrame, networks: Sequence[str]) -> Section:
    groups: dict[str, list[Row]] = {}
    for method in (name for name in networks if len(table)):
        rows = table[table["method"] == method]
        groups[method] = [
            Row(
                (
                    str(at["noise_type"]) + _level(at["snr_db"]),
                    text(at["mean"], DIGITS),
                    f"{at['best_peer']} {text(at['peer_mean'], DIGITS)}",
                    text(at["margin"], DIGITS),
                    f"{at['goal']:g}",
                    "reached" if at["passes_goal"] else "not reached",
                ),
                ("", "", "", interval(at["low"], at["high"], DIGITS), "", ""),
            )
            for _, at in rows.iterrows()
        ]
    return Section(
        AGAINST_MARKS,
        f"How far above the best peer, dB: with {MARKED_NOISE} noise at each SNR, and over each "
        "noise type.",
        ("Noise", "Mean", "Best peer", "Margin", "Goal", ""),
        groups,
    )


def _by_rate(table: pd.DataFrame, networks: Sequence[str]) -> Section:
    rows = table[(table["metric"] == METRIC) & (table["method"] != method_label(NO_NOISE))]
    rates = sorted(rows["original_fs"].unique())
    lines = by_cell(rows, "original_fs", rates, DIGITS, networks)
    return Section(
        "By the recording's own sampling rate",
        "Mean SNR improvement, dB; 250 Hz is qtdb, 360 Hz mitdb.",
        ("Method", *(f"{rate:g} Hz" for rate in rates)),
        with_best({"": lines}, [True] * len(rates)),
    )


def _elsewhere(table: pd.DataFrame) -> Section:
    rows = [
        Row((str(at["method"]), str(at["kind"]), text(at["mean"], 1))) for _, at in table.iterrows()
    ]
    source = "; ".join(dict.fromkeys(table["source"]))
    return Section(
        "What others reported under a comparable protocol",
        f"{source}. Mean SNR improvement, dB. Not the same test: to see what kind of figure a "
        "network of others can be expected to have.",
        ("Method", "Kind", METRICS[METRIC].label),
        {"": rows},
    )


def _traces(name: str, examples: Sequence[Example]) -> Section:
    pictures = {}
    for example in examples:
        if example.role not in SHOWN_ROLES:
            continue

        def draw(theme: Theme = LIGHT, width: float = WIDE, one: Example = example) -> Figure:
            seconds = 6.0 if width == WIDE else 3.0
            return section_figure(one, seconds, theme, width)

        what = (
            f"{NOISE_LABELS.get(example.noise_type, example.noise_type)}, the {example.role} "
            f"stretch at {example.snr_db:g} dB: {example.record} {example.lead}, "
            f"{example.snr_improvement:+.1f} dB"
        )
        pictures[what] = variants(draw)
    return Section(
        f"What {method_label(name)} makes of it",
        "The section with the largest error of each stretch; the clean signal in pale behind.",
        pictures=pictures,
    )


def _ordered(noises: Sequence[str]) -> list[str]:
    known = [name for name in NOISE_ORDER if name in noises]
    return known + sorted(set(noises) - set(known) - {NO_NOISE})


def _level(snr_db: float) -> str:
    return "" if pd.isna(snr_db) else f", {snr_db:g} dB"
