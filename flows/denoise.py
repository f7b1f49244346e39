"""Denoise recordings: load the model -> clean each recording -> check for drift."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from ecgmodel.denoise.files import CleaningOptions, find
from ecgmodel.evaluation.archive import write_summary
from ecgmodel.evaluation.drift import DriftReport
from ecgmodel.steps.denoising import denoise_step, place
from ecgmodel.store import Store, Stored
from flows.given import GivenFolder, GivenOptions, GivenPaths, GivenSettings
from flows.naming import concluded, denoising, named
from flows.watch_drift import watch_drift
from tasks import denoising as tasks
from tasks.caching import RUNNER, run_steps
from tasks.denoised_page import page, rows, sentence, summary_rows

CHAMPION = "models:/ecg-denoiser@champion"


@dataclass(frozen=True)
class Denoised:
    """Result of a denoising run.

    Attributes:
        files: The cleaned recordings: for each, the file to open (a WFDB record's header).
        recordings: Their units in the store, in the same order.
        failed: Recordings that were not cleaned: "record", "stage" and "reason" of each.
        model: Name of the network.
        drift: Comparison of recent recordings with the training recordings.
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
    summary: bool = False,
    *,
    settings: GivenSettings,
) -> Denoised:
    """Clean recordings; those already cleaned with the same options are reused.

    Args:
        recordings: A file, a folder (searched recursively) or a pattern, e.g. /data/ecg/*.edf.
        out: Output folder, created if missing. Recordings keep their names.
        model: A registered model, e.g. models:/ecg-denoiser@champion, the name of a shipped
            network, or an `.onnx` or `.keras` file.
        options: Options for reading and writing files, e.g. {"hints": {"fs": 250, "unit": "uV"}}.
        summary: Whether to write a summary of all recordings into the output folder.
        settings: Settings that differ from the service's, e.g. {"drift": {"alpha": 0.05}}.

    Raises:
        MissingFileError: No recording was found, or the model does not exist.
        EcgError: No recording could be cleaned; this is the first one's error.
    """
    options = options or CleaningOptions()
    given = recordings if isinstance(recordings, list) else [recordings]
    found = find(given, out, options.format)
    store = Store(settings.store)
    used = tasks.open_model(model, settings, store)
    how = settings.resample, settings.quality
    steps = [denoise_step(recording, used, *how, options) for recording in found]
    done, failed = run_steps(tasks.denoise, steps, store, "denoise")
    files = tuple(place(stored, out) for stored in done)
    said = sentence(done, failed, used.label)
    create_markdown_artifact(
        page(found, done, failed, used.label, options.hints), key="quality", description=said
    )
    create_table_artifact(
        rows(done, failed),
        key="denoised",
        description="All recordings, with quality before and after.",
    )
    if summary:
        write_summary(summary_rows(done, failed, out), out, used.label)
    if not done:
        raise failed[0].error
    drift = watch_drift(settings, store, used)
    result = Denoised(files, tuple(done), tuple(f.report for f in failed), used.label, drift)
    return concluded(result, f"{said} {drift.sentence}")
