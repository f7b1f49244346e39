"""Recordings through a trained network: open the model -> clean -> watch for drift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_table_artifact

from ecgmodel.cleaning import CleaningOptions, find
from ecgmodel.config import Settings
from ecgmodel.denoising_steps import denoise_step, place
from ecgmodel.drift import DriftReport
from ecgmodel.signals.statistics import RecordingStatistics
from ecgmodel.store import Store, Stored
from flows.watch_drift import watch_drift
from tasks import denoising as tasks
from tasks.caching import RUNNER, Failure, run_steps

CHAMPION = "models:/ecg-denoiser@champion"


@dataclass(frozen=True)
class Denoised:
    """What a denoising gives.

    Attributes:
        files: The cleaned recordings, of each the file to read first.
        recordings: Their units in the store, in the same order.
        failed: What could not be cleaned: "record", "stage" and "reason" of each.
        model: What cleaned them.
        drift: Whether the recordings of late are other than those of the training.
    """

    files: tuple[Path, ...]
    recordings: tuple[Stored, ...]
    failed: tuple[dict[str, str], ...]
    model: str
    drift: DriftReport


@flow(name="denoise", task_runner=RUNNER)
def denoise(
    settings: Settings,
    recordings: Path | list[Path],
    out: Path,
    model: str = CHAMPION,
    reference: Sequence[RecordingStatistics] | None = None,
    options: CleaningOptions | None = None,
) -> Denoised:
    """Clean recordings, doing only what was not done before.

    Args:
        settings: All settings.
        recordings: Files, folders with all that is in them, or patterns.
        out: Where the cleaned recordings go, under the same names; made if it is not there.
        model: A registered address, e.g. models:/ecg-denoiser@champion, the name of a shipped
            network, or an `.onnx` or `.keras` file.
        reference: What the recordings of the training are like, for the drift watch; None asks
            the dataset that the model was trained on.
        options: What the files do not say, the format to write, and what to do where the network
            is not to be trusted.

    Raises:
        MissingFileError: There is no recording, or there is no such model.
        EcgError: Not one recording could be cleaned; the error is that of the first.
    """
    options = options or CleaningOptions()
    given = recordings if isinstance(recordings, list) else [recordings]
    found = find(given, out, options.format)
    store = Store(settings.store)
    used = tasks.open_model(model, settings, store)
    steps = [denoise_step(recording, used, settings, options) for recording in found]
    done, failed = run_steps(tasks.denoise, steps, store, "denoise")
    files = tuple(place(stored, out) for stored in done)
    create_table_artifact(_rows(done, failed), key="denoised", description=f"By {used.label}")
    if not done:
        raise failed[0].error
    drift = watch_drift(settings, store, used, reference)
    return Denoised(files, tuple(done), tuple(f.report for f in failed), used.label, drift)


def _rows(done: Sequence[Stored], failed: Sequence[Failure]) -> list[dict[str, Any]]:
    """Return a table row a record: what it was like, or why it was left out."""
    rows = [
        {"record": s.name, "state": "cleaned", **s.info["statistics"], "reason": ""} for s in done
    ]
    columns = rows[0] if rows else {}
    empty: dict[str, Any] = dict.fromkeys(columns, None)
    return rows + [
        {**empty, "record": f.report["record"], "state": "left out", "reason": f.report["reason"]}
        for f in failed
    ]
