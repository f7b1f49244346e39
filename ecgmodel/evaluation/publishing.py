"""From measured stretches to what people read: tables, figures, the report, a text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ecgmodel.evaluation import examples, figures, traces
from ecgmodel.evaluation.report import DatasetFacts, ReportContext, render
from ecgmodel.evaluation.settings import EvaluationSettings
from ecgmodel.evaluation.summary import as_text, noisy_rows, summarise
from ecgmodel.store import MANIFEST, Stored

MODEL, STRETCHES, EXAMPLES = "model", "stretches.parquet", "examples.npz"
# What of the summary is logged with a run; the tables hold all of it.
LOGGED = ("snr_improvement", "rmse", "prd", "cossim", "mad", "drift", "shape")
_SIMULATED = "SIMULATED data: these figures show that the pipeline works, and nothing of people."


def publish_report(
    model: Stored,
    measured: Sequence[Stored],
    dataset: Stored,
    how: EvaluationSettings,
    context: Mapping[str, Any],
    into: Path,
) -> dict[str, Any]:
    """Write what people read of an evaluation.

    Writes `report.html`, `tables/stretches.parquet` (a row a stretch and method),
    `tables/summary.csv` (by noise type and SNR), `tables/by_rate.csv` (by original rate) and
    `figures/*.png`.

    Args:
        model: The trained network.
        measured: Every method's evaluation, the model's last.
        dataset: What it was trained and tested on.
        how: Bootstrap draws and seed.
        context: What the report says beside: "settings", "versions", "git_commit", "commands",
            "tile" (samples that the network sees at once), "window" (of the metrics), "target".
        into: The folder to write to.

    Returns:
        "text" (the result table for a terminal), "metrics" (by name, for a tracking store) and
        "headline".
    """
    table = pd.concat([pd.read_parquet(m.file(STRETCHES)) for m in measured], ignore_index=True)
    shown = examples.load(measured[-1].file(EXAMPLES))
    summary = summarise(table, draws=how.bootstrap, seed=how.seed)
    _write_tables(table, summary, how, into / "tables")
    history = _history(model)
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
        created=_made(model),
        simulated=bool(dataset.info["source"]["simulated"]),
        window=int(context["window"]),
        draws=how.bootstrap,
        seed=how.seed,
    )
    (into / "report.html").write_text(render(page), encoding="utf-8")
    text = as_text(summary)
    if page.simulated:
        text = f"{_SIMULATED}\n\n{text}"
    return {"text": text, "metrics": _metrics(table, summary)}


def _write_tables(
    table: pd.DataFrame, summary: pd.DataFrame, how: EvaluationSettings, into: Path
) -> None:
    into.mkdir(exist_ok=True)
    table.to_parquet(into / STRETCHES, index=False)
    summary.to_csv(into / "summary.csv", index=False)
    by_rate = summarise(noisy_rows(table), ("original_fs",), how.bootstrap, how.seed)
    by_rate.to_csv(into / "by_rate.csv", index=False)


def _write_figures(
    summary: pd.DataFrame,
    shown: Sequence[examples.Example],
    history: Mapping[str, Sequence[float]],
    into: Path,
) -> None:
    into.mkdir(exist_ok=True)
    figures.save(figures.loss_curves(history), into / "loss.png")
    figures.save(figures.snr_curves(summary, MODEL), into / "snr.png")
    figures.save(figures.improvement_dots(summary, MODEL), into / "improvement.png")
    for example in shown:
        figures.save(traces.section_figure(example), into / f"{example.role}.png")
        figures.save(traces.stretch_figure(example), into / f"{example.role}_stretch.png")


def _history(model: Stored) -> dict[str, list[float]]:
    rows = json.loads(model.file("history.json").read_text())["rows"]
    return {name: [row[name] for row in rows] for name in ("loss", "val_loss")}


def _metrics(table: pd.DataFrame, summary: pd.DataFrame) -> dict[str, float]:
    """Return the model's means by cell and over all noise, under names for a tracking store."""
    found: dict[str, float] = {}
    cells = summary[(summary["method"] == MODEL) & summary["metric"].isin(LOGGED)]
    for row in cells.to_dict("records"):
        level = "" if np.isnan(row["snr_db"]) else f"/{row['snr_db']:g}dB"
        found[f"test/{row['metric']}/{row['noise_type']}{level}"] = float(row["mean"])
    noisy = noisy_rows(table)
    for method, rows in noisy.groupby("method"):
        prefix = "test" if method == MODEL else f"baseline/{method}"
        for metric in LOGGED if method == MODEL else ("snr_improvement", "rmse"):
            found[f"{prefix}/{metric}"] = float(rows[metric].mean())
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _description(model: Stored, window: int) -> str:
    facts = model.info
    return (
        f"{facts['architecture']}, {facts['parameters']:,} parameters, windows of {window:,} "
        f"samples ({window / 360:.2f} s); epoch {facts['best_epoch']} of {facts['epochs']} kept"
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


def _made(model: Stored) -> str:
    """Return when the model was trained."""
    seconds = (model.path / MANIFEST).stat().st_mtime
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
