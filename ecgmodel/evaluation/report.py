"""The report of a training: a self-contained page with network, data, results and settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from matplotlib.figure import Figure

from ecgmodel.errors import DatasetError
from ecgmodel.evaluation import baselines, figures, traces
from ecgmodel.evaluation.encoding import data_uri
from ecgmodel.evaluation.examples import Example
from ecgmodel.evaluation.figures import DARK, LIGHT, NARROW, NOISE_LABELS
from ecgmodel.evaluation.headline import headline
from ecgmodel.evaluation.metrics import METRICS, WINDOW
from ecgmodel.evaluation.summary import (
    CELLS,
    DRAWS,
    NO_NOISE,
    method_label,
    noisy_rows,
    summarise,
)

TEMPLATE = "report.html"
TARGETS = {
    "highpass": "the whole recording after a zero-phase high-pass filter at 0.5 Hz, which removes "
    "its baseline wander",
    "as_recorded": "the unfiltered recording, including its baseline wander",
}
SEGMENT_S = 32.0
MINUS, DASH = "\N{MINUS SIGN}", "\N{EN DASH}"
DETAILS = ("snr_out", "rmse", "prd", "cossim", "mad", "drift", "shape")


@dataclass(frozen=True)
class DatasetFacts:
    """Facts of the dataset for the page.

    Attributes:
        digest: Digest of the dataset.
        sources: Origin of the recordings, a line each.
        splits: Counts by split: `{"train": {"subjects": 12, ...}, ...}`.
        left_out: Reason for each record that is not in the dataset.
        target: `highpass` or `as_recorded`.
    """

    digest: str
    sources: Sequence[str]
    splits: Mapping[str, Mapping[str, int]]
    left_out: Mapping[str, str] = field(default_factory=dict)
    target: str = "highpass"


@dataclass(frozen=True)
class ReportContext:
    """Content of the page.

    Attributes:
        table: One row per segment and method, as `evaluate_method` returns it, for the model and
            all baselines.
        model: Name of the model in the table.
        description: Short description of the network: architecture, parameters, window.
        examples: Best, median and worst segment of the model.
        history: One value per epoch of `loss` and `val_loss`.
        dataset: Dataset of training and test.
        settings: The settings, nested; shown as YAML.
        versions: Version of each library.
        commands: Commands that reproduce the results, a line each.
        git_commit: Commit of the code.
        simulated: Whether any data is simulated; the page then starts with a notice.
        links: Related runs or files by name, shown as plain text.
        title: Title of the page.
        window: Minimum length of a metric window, samples.
        draws: Bootstrap resamplings.
        seed: Seed of the bootstrap.
    """

    table: pd.DataFrame
    model: str
    description: str
    examples: Sequence[Example]
    history: Mapping[str, Sequence[float]]
    dataset: DatasetFacts
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    commands: Sequence[str]
    git_commit: str
    simulated: bool
    links: Mapping[str, str] = field(default_factory=dict)
    title: str = "ECG denoiser"
    window: int = WINDOW
    draws: int = DRAWS
    seed: int = 0


def render(context: ReportContext) -> str:
    """Return the page as self-contained HTML.

    Args:
        context: See `ReportContext`.

    Raises:
        DatasetError: The table has no rows of the model, or of any classical filter.
    """
    known = [str(name) for name in context.table["method"].unique()]
    others = [name for name in known if name not in (context.model, NO_NOISE)]
    filters = [name for name in others if name in baselines.names()]
    if context.model not in known or not filters:
        raise DatasetError(
            f"Expected a table with the methods {context.model!r} and at least one classical "
            f"filter. Received: {known}. Name filters in evaluation.baselines."
        )
    others.sort(key=lambda name: name in filters)  # networks first, otherwise in their order
    methods = [context.model, *others, *(name for name in known if name == NO_NOISE)]
    summary = summarise(context.table, CELLS, context.draws, context.seed)
    return template(Path(__file__).with_name(TEMPLATE)).render(
        c=context,
        minus=MINUS,
        dash=DASH,
        headline=_headline(context),
        names=[method_label(name) for name in methods],
        rivals=[label(name) for name in filters],
        gains_width=1 + len(others),
        gains=_cell_groups(summary, "snr_improvement", methods[: 1 + len(others)]),
        details=[
            {"label": METRICS[m].label, "unit": METRICS[m].unit, "groups": groups}
            for m in DETAILS
            if (groups := _cell_groups(summary, m, methods))
        ],
        overall=_overall_rows(context, methods),
        rates=_rate_rows(context, methods[: 1 + len(others)]),
        worst=_worst(context),
        pictures=_pictures(context, summary),
        examples=[_example(example) for example in context.examples],
        counts=_count_table(context.dataset.splits),
        target=TARGETS.get(context.dataset.target, context.dataset.target),
        settings=yaml.safe_dump(dict(context.settings), sort_keys=False, allow_unicode=True),
        subjects=context.table["subject"].nunique(),
        segment_s=_segment_seconds(context.examples),
        segments=int((context.table["method"] == context.model).sum()),
    )


def template(path: Path) -> Template:
    """Return a template, which may import the style and the macro `picture` of `page.html`."""
    return Environment(
        loader=FileSystemLoader([path.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template(path.name)


def label(method: str) -> str:
    """Return the display name of a method: the label of a baseline, else its name."""
    return baselines.label(method) if method in baselines.names() else method


def number(value: float, digits: int = 1, signed: bool = False) -> str:
    """Return a formatted number, with a typographic minus sign; a dash for NaN or None."""
    if value is None or np.isnan(value):
        return DASH
    return f"{value:{'+' if signed else ''}.{digits}f}".replace("-", MINUS)


def interval(low: float, high: float, digits: int = 1) -> str:
    """Return "a to b", or "" if there is no interval."""
    return "" if np.isnan(low) else f"{number(low, digits)} to {number(high, digits)}"


def _segment_seconds(examples: Sequence[Example]) -> str:
    """Return the length of a segment, s: that of the examples, else the default."""
    lengths = [len(example.original) / example.fs for example in examples]
    return f"{lengths[0] if lengths else SEGMENT_S:g}"


def _headline(context: ReportContext) -> dict[str, Any]:
    """Return the texts of the first paragraph and of the cards."""
    found = headline(context.table, context.model, context.draws, context.seed)
    rmse = noisy_rows(context.table).groupby("method")["rmse"].mean()
    ends = found.difference_interval
    return {
        "gain": number(found.improvement),
        "interval": interval(*found.interval) if found.interval else "",
        "rival": label(found.filter),
        "rival_gain": number(_known(found.filter_improvement), signed=True),
        "more": number(abs(_known(found.difference))),
        "ahead": _known(found.difference) >= 0,
        "unsure": ends is not None and ends[0] <= 0 <= ends[1],
        "more_interval": interval(*ends) if ends else "",
        "rmse": number(rmse[context.model], 3),
        "rmse_raw": number(rmse[NO_NOISE], 3) if NO_NOISE in rmse else "",
        "untouched": number(found.untouched) if found.untouched is not None else "",
        "rival_untouched": number(_known(found.filter_untouched)),
    }


def _known(value: float | None) -> float:
    return float("nan") if value is None else value


def _by_method(summary: pd.DataFrame) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the rows of a summary without cells, by metric and method."""
    result: dict[str, dict[str, dict[str, Any]]] = {}
    for row in summary.to_dict("records"):
        result.setdefault(row["metric"], {})[row["method"]] = {str(k): v for k, v in row.items()}
    return result


def _cell_groups(
    summary: pd.DataFrame, metric: str, methods: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """Return table rows by noise type, one per SNR, with one cell per method, the model first."""
    groups: dict[str, list[dict[str, Any]]] = {}
    noisy = summary[(summary["metric"] == metric) & (summary["noise_type"] != NO_NOISE)]
    for (noise, snr_db), rows in _groups(noisy):
        by_method = _by_method(rows)[metric]
        cells = _cells(by_method, metric, methods, model_only=True)
        name = NOISE_LABELS.get(noise, noise)
        groups.setdefault(name, []).append({"name": number(snr_db, 0), "cells": cells})
    return groups


def _groups(summary: pd.DataFrame) -> Iterator[tuple[tuple[str, float], pd.DataFrame]]:
    """Yield the rows of a summary by noise type and SNR."""
    keys: Any
    for keys, rows in summary.groupby(list(CELLS), sort=False):
        yield (str(keys[0]), float(keys[1])), rows


def _cells(
    by_method: Mapping[str, Mapping[str, Any]],
    metric: str,
    methods: Sequence[str],
    model_only: bool = False,
) -> list[dict[str, Any]]:
    """Return one cell per method: texts of mean, interval and median, and whether it is best."""
    known = METRICS[metric]
    means = [by_method[m]["mean"] for m in methods if m != NO_NOISE]
    best = max(means) if known.higher_is_better else min(means)
    cells = []
    for i, method in enumerate(methods):
        row = by_method[method]
        ends = interval(row["low"], row["high"], known.digits)
        cells.append(
            {
                "text": number(row["mean"], known.digits),
                "best": method != NO_NOISE and row["mean"] == best,
                "interval": ends if i == 0 or not model_only else "",
                "median": number(row["median"], known.digits),
            }
        )
    return cells


def _overall_rows(context: ReportContext, methods: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of the table of all metrics, over segments with and without noise."""
    silent = context.table["noise_type"] == NO_NOISE
    result = []
    for chosen, metrics, suffix in (
        (~silent, [m for m in METRICS if m != "snr_in"], ""),
        (silent, ["snr_out"], " without added noise"),
    ):
        if not chosen.any():
            continue
        means = _by_method(summarise(context.table[chosen], (), context.draws, context.seed))
        for metric in metrics:
            name, unit = METRICS[metric].label + suffix, METRICS[metric].unit
            cells = _cells(means[metric], metric, methods)
            result.append({"name": name, "unit": unit, "cells": cells})
    return result


def _rate_rows(context: ReportContext, methods: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of the table by original sampling rate."""
    result = []
    for rate, rows in noisy_rows(context.table).groupby("original_fs"):
        means = _by_method(summarise(rows, (), context.draws, context.seed))["snr_improvement"]
        cells = _cells(means, "snr_improvement", methods)
        subjects = rows["subject"].nunique()
        result.append({"name": f"{rate:g} Hz", "subjects": subjects, "cells": cells})
    return result


def _worst(context: ReportContext) -> dict[str, str]:
    """Return the records with the smallest SNR improvement and with the largest RMSE."""
    rows = noisy_rows(context.table)
    means = _by_method(summarise(rows, (), 1, context.seed))
    gain, error = (means[metric][context.model] for metric in ("snr_improvement", "rmse"))
    return {
        "record": gain["worst_record"],
        "gain": number(gain["worst_mean"]),
        "rmse_record": error["worst_record"],
        "rmse": number(error["worst_mean"], 3),
    }


def _pictures(context: ReportContext, summary: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return each chart in two widths and two themes."""
    charts: dict[str, Callable[..., Figure]] = {
        "snr": lambda **look: figures.snr_curves(summary, context.model, **look),
        "gain": lambda **look: figures.improvement_dots(summary, context.model, **look),
    }
    if context.history.get("loss"):
        charts["loss"] = lambda **look: figures.loss_curves(context.history, **look)
    return {name: figures.variants(draw) for name, draw in charts.items()}


def _example(example: Example) -> dict[str, Any]:
    """Return texts and figures of an example: the section, and the whole segment."""

    def section(width: float, **look: Any) -> Figure:
        seconds = traces.SECTION_S if width > NARROW else traces.SECTION_S / 2
        return traces.section_figure(example, seconds, width=width, **look)

    whole = {
        f"wide_{tone}": data_uri(traces.segment_figure(example, theme=theme), "png", dpi=110)
        for tone, theme in (("light", LIGHT), ("dark", DARK))
    }
    return {
        "role": example.role,
        "record": example.record,
        "lead": example.lead,
        "minute": f"{example.start / example.fs / 60:.1f}",
        "noise": NOISE_LABELS.get(example.noise_type, example.noise_type),
        "snr": number(example.snr_db, 0),
        "gain": number(example.snr_improvement, 1, signed=True),
        "section": figures.variants(section),
        "whole": whole,
    }


def _count_table(splits: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """Return the counts by split as header and rows."""
    header = list(dict.fromkeys(key for counts in splits.values() for key in counts))
    rows = [
        {"split": split, "counts": [f"{counts[k]:,}" if k in counts else DASH for k in header]}
        for split, counts in splits.items()
    ]
    return {"header": header, "rows": rows}
