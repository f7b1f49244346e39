"""The files in MLflow on which a verdict rests, besides the training's own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ecgmodel.store import Stored
from tasks.tracking.artifact_files import (
    AlteredError,
    Files,
    altered,
    files_at,
    local_hashes,
    read_seal,
    seal,
)
from tasks.tracking.packing import examine
from tasks.tracking.registry import Registry, Version
from tasks.tracking.runs import DATASET_FILE
from tasks.tracking.verdicts import verdict_files


def evidence(
    registry: Registry, versions: Iterable[Version], report: Stored | None = None
) -> dict[Path, str]:
    """Return the hashes of local files in MLflow: each version's subjects, model and verdict.

    Args:
        registry: The model registry.
        versions: The version that was judged, then the others.
        report: The verdict, None if there was nothing to judge.

    Raises:
        AlteredError: One of them was altered after it was logged.
    """
    found: dict[Path, str] = {}
    for version in versions:
        found |= _subjects(registry, version, verdict_files(report) if report else {})
        if version.model_id and registry.tracker.find_model(version.model_id):
            model = examine(registry.tracker, version.model_id, {})
            if model.missing:
                raise AlteredError(version.source, model.missing)
            found |= model.files
        report = None
    return found


def _subjects(registry: Registry, version: Version, verdict: Files) -> dict[Path, str]:
    run = registry.tracker.client.get_run(version.run_id)
    if not registry.tracker.holds(run.info.artifact_uri):
        return {}
    there, sealed = files_at(run.info.artifact_uri, registry.tracker.uri), read_seal(run.data.tags)
    wanted = seal(verdict) | {one: sealed[one] for one in (DATASET_FILE,) if one in sealed}
    if parts := altered(there, wanted):
        raise AlteredError(run.info.artifact_uri, parts)
    names = (name for name in (DATASET_FILE, *verdict) if name in there)
    return local_hashes(run.info.artifact_uri, {name: there[name] for name in names})
