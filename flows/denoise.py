"""Recordings through a trained network: open the model -> clean -> watch for drift."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from ecgmodel.denoise.files import CleaningOptions, find
from ecgmodel.evaluation.drift import DriftReport
from ecgmodel.steps.denoising import denoise_step, place
from ecgmodel.store import Store, Stored
from flows.given import GivenFolder, GivenOptions, GivenPaths, GivenSettings
from flows.naming import concluded, denoising, named
from flows.watch_drift import watch_drift
from tasks import denoising as tasks
from tasks.caching import RUNNER, run_steps
from tasks.denoised_page import page, rows, sentence

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


@flow(name="denoise", flow_run_name=named(denoising), task_runner=RUNNER)
def denoise(
    recordings: GivenPaths,
    out: GivenFolder,
    model: str = CHAMPION,
    options: GivenOptions = None,
    *,
    settings: GivenSettings,
) -> Denoised:
    """Clean recordings, doing only what was not done before.

    Args:
        recordings: A file, a folder with all that is in it, or a pattern, e.g. /data/ecg/*.edf.
        out: Folder for the cleaned recordings, under the same names; made if it is not there.
        model: A registered address, e.g. models:/ecg-denoiser@champion, the name of a shipped
            network, or an `.onnx` or `.keras` file.
        options: How files are read and written, e.g. {"hints": {"fs": 250, "unit": "uV"}}.
        settings: What differs from the service's own, e.g. {"drift": {"alpha": 0.05}}.

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
    said = sentence(done, failed, used.label)
    create_markdown_artifact(
        page(found, done, failed, used.label, options.hints), key="quality", description=said
    )
    create_table_artifact(rows(done, failed), key="denoised", description="Every recording.")
    if not done:
        raise failed[0].error
    drift = watch_drift(settings, store, used)
    result = Denoised(files, tuple(done), tuple(f.report for f in failed), used.label, drift)
    return concluded(result, f"{said} {drift.sentence}")
