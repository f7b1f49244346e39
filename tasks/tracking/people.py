"""Subjects and training recordings of a version, as logged with its run."""

from __future__ import annotations

from typing import Any

from ecgmodel.models.lineage import LINEAGE, Lineage, Start, of_splits
from ecgmodel.models.trained import NETWORK, RECORDINGS
from ecgmodel.signals.statistics import RecordingStatistics
from ecgmodel.store import Store
from ecgmodel.training.settings import ADDRESS
from tasks.tracking.registry import Registry, Version
from tasks.tracking.runs import DATASET_FILE, NETWORK_SETTINGS

WHAT = "The registered model"


def lineage(registry: Registry, version: Version) -> Lineage:
    """Return the subjects seen by a version and by its initial weights."""
    return _lineage(_facts(registry, version))


def version_start(registry: Registry, version: Version, store: Store) -> Start:
    """Return the weights of a version, to start a training from.

    Raises:
        RegistryError: Its files were deleted.
    """
    facts, name = _facts(registry, version), f"{ADDRESS}{registry.name}/{version.number}"
    network = registry.fetch(version, store).file(NETWORK)
    return Start(name, network, _lineage(facts), facts.get(NETWORK_SETTINGS), version.dataset)


def recordings(registry: Registry, version: Version) -> tuple[RecordingStatistics, ...]:
    """Return the statistics of a shipped network's training recordings."""
    with registry.tracker.reached(WHAT):
        listed = registry.tracker.read_json(version.run_id, RECORDINGS)
    return tuple(map(RecordingStatistics.from_dict, listed))


def _facts(registry: Registry, version: Version) -> dict[str, Any]:
    with registry.tracker.reached(WHAT):
        return dict(registry.tracker.read_json(version.run_id, DATASET_FILE))


def _lineage(facts: dict[str, Any]) -> Lineage:
    """Return the lineage logged with a run; older runs only have their dataset's subjects."""
    if LINEAGE in facts:
        return Lineage.from_dict(facts[LINEAGE])
    return of_splits(facts["splits"], bool(facts["source"]["simulated"]))
