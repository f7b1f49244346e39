"""A folder of recordings through a trained network: open the model -> clean -> watch for drift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_table_artifact

from ecgmodel.config import Settings
from ecgmodel.denoising_steps import check_places, denoise_step, place
from ecgmodel.drift import DriftReport
from ecgmodel.signals.statistics import RecordingStatistics
from ecgmodel.sources.folder import FolderSource
from ecgmodel.store import Store, Stored
from flows.watch_drift import watch_drift
from tasks import denoising as tasks
from tasks.caching import RUNNER, Failure, run_steps

CHAMPION = "models:/ecg-denoiser@champion"


@dataclass(frozen=True)
class Denoised:
    """What a denoising gives.

    Attributes:
        headers: The headers of the cleaned records.
        records: Their units in the store, in the same order.
        failed: What could not be cleaned: "record", "stage" and "reason" of each.
        model: What cleaned them.
        drift: Whether the recordings of late are other than those of the training.
    """

    headers: tuple[Path, ...]
    records: tuple[Stored, ...]
    failed: tuple[dict[str, str], ...]
    model: str
    drift: DriftReport


@flow(name="denoise", task_runner=RUNNER)
def denoise(
    settings: Settings,
    recordings: Path,
    out: Path,
    model: str = CHAMPION,
    reference: Sequence[RecordingStatistics] | None = None,
) -> Denoised:
    """Clean every WFDB record of a folder, doing only what was not done before.

    Args:
        settings: All settings.
        recordings: The folder, with all folders inside it.
        out: Where the cleaned records go, under the same names; made if it is not there.
        model: A registered address, e.g. models:/ecg-denoiser@champion, or a `.keras` file.
        reference: What the recordings of the training are like, for the drift watch; None asks
            the dataset that the model was trained on.

    Raises:
        MissingFileError: The folder holds no record, or there is no such model.
        EcgError: Not one record could be cleaned; the error is that of the first.
    """
    check_places(recordings, out)
    store = Store(settings.store)
    source = FolderSource(recordings)
    listed = source.records("own")
    used = tasks.open_model(model, settings, store)
    steps = [denoise_step(source, record, used, settings) for record in listed]
    done, failed = run_steps(tasks.denoise, steps, store, "denoise")
    headers = tuple(place(stored, out) for stored in done)
    create_table_artifact(_rows(done, failed), key="denoised", description=f"By {used.label}")
    if not done:
        raise failed[0].error
    drift = watch_drift(settings, store, used, reference)
    return Denoised(headers, tuple(done), tuple(f.report for f in failed), used.label, drift)


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
