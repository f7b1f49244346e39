"""Drift detection: recently cleaned recordings compared with the training recordings."""

from __future__ import annotations

from collections.abc import Sequence

from prefect.artifacts import create_markdown_artifact

from ecgmodel.denoise.denoising import STATISTICS
from ecgmodel.denoise.network_file import NetworkFile
from ecgmodel.evaluation.drift import DriftReport, detect_drift
from ecgmodel.settings.config import Settings
from ecgmodel.signals.quality import QualitySettings
from ecgmodel.signals.statistics import RecordingStatistics
from ecgmodel.steps.denoising import describe_steps, incoming_statistics
from ecgmodel.store import Store
from flows.temporary_server import is_temporary
from tasks import denoising as tasks
from tasks.caching import run_steps
from tasks.events import DRIFT_DETECTED, emit_once

UNKNOWN = (
    "The training recordings of the model are unknown: it is a file that is not "
    "registered, or its dataset or resampled records were deleted."
)


def watch_drift(
    settings: Settings,
    store: Store,
    model: NetworkFile,
    reference: Sequence[RecordingStatistics] | None = None,
) -> DriftReport:
    """Compare the newest cleaned recordings with the training recordings.

    The result is the flow run's artifact "drift". Drift emits the event `ecg.drift.detected`, once
    per registered version.

    Args:
        settings: All settings; `settings.drift` defines drift.
        store: The store with the cleaned recordings.
        model: The network that cleaned them.
        reference: Statistics of the training recordings; None takes those of the model's dataset.
    """
    known = list(reference) if reference is not None else trained_on(model, settings.quality, store)
    incoming = incoming_statistics(store, settings.drift.recent)
    report = detect_drift(known, incoming, settings.drift)
    lines = [f"# Drift: {report.verdict}", "", f"Model: {model.label}", "", report.to_markdown()]
    text = "\n".join(lines + ([] if known else ["", UNKNOWN]))
    create_markdown_artifact(text, key="drift", description=report.sentence)
    if report.verdict == "drift" and model.version and not is_temporary():
        tell(report, model, settings, store)
    return report


def trained_on(
    model: NetworkFile, quality: QualitySettings, store: Store
) -> list[RecordingStatistics]:
    """Return the statistics of a model's training recordings; empty if unknown."""
    if model.reference:
        return list(model.reference)
    steps = describe_steps(model.dataset, store, quality)
    described, _ = run_steps(tasks.describe, steps, store)
    return [RecordingStatistics.from_dict(unit.info[STATISTICS]) for unit in described]


def tell(report: DriftReport, model: NetworkFile, settings: Settings, store: Store) -> bool:
    """Emit the drift event, once per version; return whether it was emitted now."""
    facts = {
        "version": model.version,
        "text": report.sentence,
        "report": report.to_dict(),
        "settings": settings.model_dump(mode="json", exclude_unset=True),
    }
    return emit_once(DRIFT_DETECTED, f"ecg.drift.{model.version}", facts, store)
