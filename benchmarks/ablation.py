"""Ablation study of the shipped network: one change of the recipe per run, on validation data.

`python -m benchmarks.ablation DATASET` trains the recipe and each change of `ablation.yaml` for the
same number of steps on a prepared dataset, cleans its validation windows (subjects and noise that
are neither in the training nor in the test), and writes the paired difference in SNR improvement.
Runs are stored: an interrupted one resumes, and a finished one is not repeated.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import pandas as pd
import yaml

from ecgmodel.evaluation.summary import compare
from ecgmodel.settings.config import Settings, load_settings
from ecgmodel.steps.data import Step
from ecgmodel.steps.training import fit_step, split_shards
from ecgmodel.store import Store, Stored, Unit, read_stored
from ecgmodel.store.versions import ROOT, code_version
from ecgmodel.support.quiet import import_keras

RECIPE = ROOT / "ecgmodel" / "models" / "default" / "recipe.yaml"
CHANGES = Path(__file__).with_suffix(".yaml")
BASE = "recipe"
TABLE = "windows.parquet"
STRONG_DB = 0.0
"""SNR up to which noise is at least as strong as the signal, dB."""


def main(arguments: Sequence[str] | None = None) -> pd.DataFrame:
    """Run the ablations, print the table, and return it."""
    asked = _parser().parse_args(arguments)
    changes: dict[str, list[str]] = {BASE: [], **yaml.safe_load(CHANGES.read_text())}
    if asked.only:
        changes = {name: changes[name] for name in (BASE, *asked.only)}
    dataset = read_stored(asked.dataset)
    store = Store(asked.store)
    measured: dict[str, pd.DataFrame] = {}
    for name, pairs in changes.items():
        settings = _settings(asked.config, asked.steps, dataset, pairs)
        model = fit_step(dataset, settings).run(store)
        rows = pd.read_parquet(measure_step(model, dataset, settings).run(store).file(TABLE))
        measured[name] = rows.assign(method=name)
        table = compared(measured)
        text = as_markdown(table, asked.steps)
        print(f"{text}\n", flush=True)
        if asked.out:
            asked.out.write_text(text)
    return table


def measure_step(model: Stored, dataset: Stored, settings: Settings) -> Step:
    """Return the step that evaluates a network on the validation windows of a dataset."""
    unit = Unit(
        "validate",
        model.name,
        {"overlap": settings.evaluation.overlap},
        {"dataset": dataset.ref, "model": model.ref},
        {"modules": code_version("ecgmodel.evaluation.evaluate", "ecgmodel.denoise.tiles")},
    )
    return Step(unit, partial(_measure, model, dataset, settings))


def compared(measured: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the SNR improvement of each run and its difference from the recipe, dB.

    Args:
        measured: Rows of metrics by run, including `BASE`.
    """
    both = pd.concat(list(measured.values()), ignore_index=True)
    noisy = both[both["snr_db"].notna()]
    strong, weak = noisy[noisy["snr_db"] <= STRONG_DB], noisy[noisy["snr_db"] > STRONG_DB]
    rows = []
    for name in measured:
        own = noisy.loc[noisy["method"] == name, "snr_improvement"].mean()
        row: dict[str, object] = {"run": name, "improvement": own}
        if name != BASE:
            whole = compare(noisy, name, BASE)
            row |= {"change": whole["mean"], "low": whole["low"], "high": whole["high"]}
            row |= {"strong": compare(strong, name, BASE)["mean"]}
            row |= {"weak": compare(weak, name, BASE)["mean"]}
        rows.append(row)
    return pd.DataFrame(rows)


def as_markdown(table: pd.DataFrame, steps: int) -> str:
    """Return the table of `compared` in Markdown."""
    head = (
        f"Each run has {steps:,} steps. SNR improvement on validation windows, dB; difference from "
        "the recipe with its 95 % interval over subjects; difference at SNRs up to 0 dB and above.",
        "",
        "| run | improvement | difference | up to 0 dB | above 0 dB |",
        "| --- | ---: | ---: | ---: | ---: |",
    )
    lines = []
    for row in table.to_dict("records"):
        change = "| | |"
        if row["run"] != BASE:
            interval = f"({row['low']:+.2f} to {row['high']:+.2f})"
            change = (
                f"{row['change']:+.2f} {interval} | {row['strong']:+.2f} | {row['weak']:+.2f} |"
            )
        lines.append(f"| {row['run']} | {row['improvement']:.2f} | {change}")
    return "\n".join((*head, *lines)) + "\n"


def _settings(config: Path, steps: int, dataset: Stored, pairs: Sequence[str]) -> Settings:
    """Return the recipe with a change, for the given number of steps."""
    settings = load_settings(config, pairs)
    varied, batch = settings.training.augmentation, settings.training.batch_size
    rows = int(dataset.info["counts"]["train"]["rows"])
    windows = varied.epoch(rows) if varied else rows
    epochs = max(1, round(steps * batch / windows))
    return load_settings(config, [*pairs, f"training.epochs={epochs}", "training.patience=null"])


def _measure(model: Stored, dataset: Stored, settings: Settings, into: Path) -> None:
    import_keras()
    from ecgmodel.denoise.tiles import from_keras
    from ecgmodel.evaluation.evaluate import evaluate_method

    window = int(dataset.info["lengths"]["validation"])
    clean = from_keras(model.file("model.keras"), window, settings.evaluation.overlap).clean_many
    table = evaluate_method(clean, split_shards(dataset, "validation"), model.name, window)
    table.to_parquet(into / TABLE, index=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.ablation", description=__doc__)
    parser.add_argument("dataset", type=Path, help="folder that `ecg-denoise prepare` prints")
    parser.add_argument("--config", type=Path, default=RECIPE, help="settings file of the recipe")
    parser.add_argument("--steps", type=int, default=2000, help="training steps of each run")
    parser.add_argument("--store", type=Path, default=Path("store"), help="folder of all results")
    parser.add_argument("--only", nargs="*", help="run only these changes")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="also write the table here")
    return parser


if __name__ == "__main__":
    main()
