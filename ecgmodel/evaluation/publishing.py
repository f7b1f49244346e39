"""Publishes an evaluation as tables, figures, report page and text for the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ecgmodel.evaluation import figures, traces
from ecgmodel.evaluation.encoding import save
from ecgmodel.evaluation.examples import Example
from ecgmodel.evaluation.headline import Headline, headline
from ecgmodel.evaluation.report import DatasetFacts, ReportContext, render
from ecgmodel.evaluation.settings import EvaluationSettings
from ecgmodel.evaluation.summary import NO_NOISE, as_text, noisy_rows, pivot, summarise
from ecgmodel.evaluation.wording import saved_weights
from ecgmodel.store import Stored
from ecgmodel.support.dataclass_files import load

MODEL, SEGMENTS, EXAMPLES = "model", "segments.parquet", "examples.npz"
# Metrics in `tables/cells.csv`; `tables/summary.csv` has all of them.
CELL_METRICS = ("snr_improvement", "rmse", "prd", "cossim", "mad", "drift", "shape")
_SIMULATED = (
    "SIMULATED data: these results show that the pipeline works. They say nothing about real ECG."
)


def publish_report(
    model: Stored,
    measured: Sequence[Stored],
    beside: Mapping[str, Stored],
    dataset: Stored,
    how: EvaluationSettings,
    context: Mapping[str, Any],
    into: Path,
) -> dict[str, Any]:
    """Write report, tables and figures of an evaluation.

    Writes `report.html`, `tables/segments.parquet` (a row per segment and method),
    `tables/improvement.csv` (SNR improvement by noise type and SNR, a column per method),
    `tables/cells.csv` (the model's metrics by noise type and SNR), `tables/summary.csv` (all
    metrics with intervals), `tables/by_rate.csv` (by original sampling rate) and `figures/*.png`.

    Args:
        model: The trained network.
        measured: Evaluations of the classical methods and, last, of the model.
        beside: Evaluations of other networks, by name.
        dataset: Dataset of training and test.
        how: Settings of the bootstrap.
        context: Further content: "settings", "versions", "git_commit", "commands", "target", "tile"
            (the network's window, samples), "window" (shortest metric window, samples).
        into: The folder to write to.

    Returns:
        "text" (the result table for a terminal), "headline" (see `Headline.to_dict`), "metrics"
        (for the tracking store) and "cells" (means by noise type and SNR).
    """
    table = _rows(measured, beside)
    shown = load(measured[-1].file(EXAMPLES), Example)
    summary = summarise(table, draws=how.bootstrap, seed=how.seed)
    _write_tables(table, summary, how, into / "tables")
    found, history = headline(table, MODEL, how.bootstrap, how.seed), _history(model)
    _write_figures(summary, shown, history, into / "figures")
    page = ReportContext(
        table=table,
        model=MODEL,
        description=_description(model, int(context["tile"])),
        examples=shown,
        history=history,
        dataset=_facts(dataset, str(context["target"])),
        settings=context["settings"],
        versions=context["versions"],
        commands=context["commands"],
        git_commit=str(context["git_commit"]),
        simulated=bool(dataset.info["source"]["simulated"]),
        window=int(context["window"]),
        draws=how.bootstrap,
        seed=how.seed,
    )
    (into / "report.html").write_text(render(page), encoding="utf-8")
    return {
        "text": _text(summary, page.simulated),
        "headline": found.to_dict(),
        "metrics": _metrics(table, found),
        "cells": _cells(summary),
    }


def _rows(measured: Sequence[Stored], beside: Mapping[str, Stored]) -> pd.DataFrame:
    """Return the rows of all methods: classical ones, other networks, the model."""
    *classical, model = (pd.read_parquet(m.file(SEGMENTS)) for m in measured)
    others = [pd.read_parquet(m.file(SEGMENTS)).assign(method=n) for n, m in beside.items()]
    return pd.concat([*classical, *others, model], ignore_index=True)


def _text(summary: pd.DataFrame, simulated: bool) -> str:
    """Return the result table for a terminal, after a notice if the data is simulated."""
    return "\n\n".join([*([_SIMULATED] if simulated else []), as_text(summary)])


def _write_tables(
    table: pd.DataFrame, summary: pd.DataFrame, how: EvaluationSettings, into: Path
) -> None:
    into.mkdir(exist_ok=True)
    table.to_parquet(into / SEGMENTS, index=False)
    summary.to_csv(into / "summary.csv", index=False)
    _improvement(summary).to_csv(into / "improvement.csv", index=False)
    pd.DataFrame(_cells(summary)).to_csv(into / "cells.csv", index=False)
    by_rate = summarise(noisy_rows(table), ("original_fs",), how.bootstrap, how.seed)
    by_rate.to_csv(into / "by_rate.csv", index=False)


def _write_figures(
    summary: pd.DataFrame,
    shown: Sequence[Example],
    history: Mapping[str, Sequence[float]],
    into: Path,
) -> None:
    into.mkdir(exist_ok=True)
    save(figures.loss_curves(history), into / "loss.png")
    save(figures.snr_curves(summary, MODEL), into / "snr.png")
    save(figures.improvement_dots(summary, MODEL), into / "improvement.png")
    for example in shown:
        save(traces.section_figure(example), into / f"{example.role}.png")
        save(traces.segment_figure(example), into / f"{example.role}_segment.png")


def _history(model: Stored) -> dict[str, list[float]]:
    stored = json.loads(model.file("history.json").read_text())
    history = {name: [row[name] for row in stored["rows"]] for name in ("loss", "val_loss")}
    return history if stored["best_epoch"] else history | {"start": [stored["best_loss"]]}


def _metrics(table: pd.DataFrame, found: Headline) -> dict[str, float]:
    """Return the main metrics of the run, under their names in the tracking store."""
    rmse = noisy_rows(table).groupby("method")["rmse"].mean()
    figures = {
        "snr_improvement": found.improvement,
        "best_filter_snr_improvement": found.filter_improvement,
        "difference_to_best_filter": found.difference,
        "snr_out_without_noise": found.untouched,
        "best_filter_snr_out_without_noise": found.filter_untouched,
        "rmse": float(rmse[MODEL]),
    }
    return {
        f"test/{name}": value
        for name, value in figures.items()
        if value is not None and np.isfinite(value)
    }


def _cells(summary: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the model's means, a row per noise type and SNR; null if a mean is undefined."""
    cells = summary[(summary["method"] == MODEL) & summary["metric"].isin(CELL_METRICS)]
    rows: dict[tuple[str, float | None], dict[str, Any]] = {}
    for row in cells.to_dict("records"):
        noise, level = str(row["noise_type"]), _number(row["snr_db"])
        here = rows.setdefault((noise, level), {"noise": noise, "SNR": level})
        here[str(row["metric"])] = _number(row["mean"], 4)
    return list(rows.values())


def _improvement(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the mean SNR improvement by noise type and SNR, dB, a column per method."""
    wide = pivot(noisy_rows(summary), "snr_improvement").round(2)
    others = [method for method in wide if method not in (MODEL, NO_NOISE)]
    return wide[[MODEL, *others]].reset_index()


def _number(value: float, digits: int = 6) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None


def _description(model: Stored, window: int) -> str:
    facts = model.info
    return (
        f"{facts['architecture']}, {facts['parameters']:,} parameters, windows of {window:,} "
        f"samples ({window / 360:.2f} s); {saved_weights(facts)}"
    )


def _facts(dataset: Stored, target: str) -> DatasetFacts:
    info = dataset.info
    source = info["source"]
    counts = {
        split: {name: int(c[name]) for name in ("subjects", "records", "rows")}
        for split, c in info["counts"].items()
    }
    origin = f"{source['kind']}: {', '.join(source['databases'])}; noise from {source['noise']}"
    return DatasetFacts(
        digest=dataset.digest[:12],
        sources=[origin, *source["citations"].values()],
        splits=counts,
        left_out={item["record"]: item["reason"] for item in info["left_out"]},
        target=target,
    )
