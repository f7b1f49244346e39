"""A run and its worker are killed in every stage in turn, and it ends as one that nobody killed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import FlowRun

from ecgmodel.settings.config import TrackingSettings
from ecgmodel.store import MANIFEST, Store
from tasks.tracking import Registry, Tracker
from tests.flows import small
from tests.flows.service.running import Service, running
from tests.flows.test_kills import assert_same, checkpoints, names_a_model_that_is_not_there

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # about 45 s a kill

LONGER: dict[str, Any] = {"training": {"epochs": 12, "batch_size": 16, "patience": None}}
# In their order, so that each kill meets a run that still has work to do there.
FOLDERS = ("download", "resample", "mix", "dataset")
TRAINING = ("train", "evaluate", "report", "export", "log", "register", "verdict", "promote")
STAGES = (*FOLDERS, *TRAINING)


@dataclass(frozen=True)
class Kill:
    """A kill, and what was whole in the store when it came.

    Attributes:
        stage: The stage that had begun.
        whole: Manifest of each finished unit to the time at which it was written, ns.
        partial: How many units were half made.
    """

    stage: str
    whole: dict[Path, int]
    partial: int


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that starts a run as often as this file kills it."""
    with running(tmp_path_factory.mktemp("stages"), max_attempts=len(STAGES) + 1) as service:
        yield service


def begun(service: Service, stage: str) -> Callable[[], bool]:
    """Return what tells whether a stage has begun."""
    store = service.state / "store"
    if stage == "train":
        return lambda: checkpoints(store) >= 3
    if stage == "log":
        return lambda: names_a_model_that_is_not_there(service.state)
    tables = {"register": "model_versions", "promote": "registered_model_aliases"}
    if stage in tables:
        asked = f"select count(*) from {tables[stage]}"
        wanted = " where alias = 'champion'" if stage == "promote" else ""
        return lambda: has_rows(service.state / "mlflow" / "mlflow.db", asked + wanted)
    return lambda: any((store / stage).glob("*"))


def has_rows(database: Path, asked: str) -> bool:
    try:
        with closing(sqlite3.connect(database, timeout=1)) as opened:
            return bool(opened.execute(asked).fetchone()[0])
    except sqlite3.OperationalError:  # somebody writes
        return False


def kill_in(service: Service, run: FlowRun, stage: str) -> Kill:
    """Kill a run's process and its worker, as `kill -9` does, once a stage has begun."""
    process, worker = service.process_of(run), psutil.Process(service.pid("worker"))
    service.until(begun(service, stage), f"the begin of {stage}")
    assert process.is_running()
    family = [process, worker, *worker.children(recursive=True)]
    for one in family:
        one.kill()
    psutil.wait_procs(family, timeout=20)
    assert not process.is_running()
    assert not worker.is_running()
    store = service.state / "store"
    return Kill(stage, manifests(store), len(list(store.glob("*/*.partial"))))


def manifests(store: Path) -> dict[Path, int]:
    found = store.glob(f"*/*/{MANIFEST}")
    return {m: m.stat().st_mtime_ns for m in found if m.parent.suffix != ".partial"}


def made_again(kill: Kill, now: dict[Path, int]) -> list[Path]:
    """Return the units that a kill found whole and that were made again, or are gone."""
    return [manifest for manifest, at in kill.whole.items() if now.get(manifest) != at]


def test_a_run_killed_in_every_stage_ends_as_one_that_was_not(
    service: Service, tmp_path: Path
) -> None:
    settings = small.small(tmp_path / "store", LONGER)
    unkilled = small.run_command(settings, tmp_path / "unkilled")
    changed: dict[str, Any] = {**small.SMALL, **LONGER, "tracking": {"retries": 6}}
    unkilled.wait()
    run = service.start("retrain/train", settings=changed)
    kills = [kill_in(service, run, stage) for stage in STAGES]
    service.until(lambda: is_over(service, run), "the end of the last attempt")
    assert service.run(run).state_name == "Completed", service.run(run).state
    assert service.run(run).labels["ecg.attempts"] == len(STAGES) + 1
    store = service.state / "store"
    now = manifests(store)
    print("stage | whole units | half made | kills | attempts | lost")
    for number, kill in enumerate(kills, 1):
        lost = made_again(kill, now)
        found = (kill.stage, len(kill.whole), kill.partial, 1, number + 1, len(lost))
        print(" | ".join(map(str, found)))
        assert lost == []
    assert list(store.glob("*/*.partial")) == []
    tracking = TrackingSettings(uri=service.mlflow_url)
    assert_same(store, tmp_path / "store", tracking)
    registry = Registry(Tracker(tracking, Store(store)))
    (version,) = registry.versions()
    assert version.verdict.startswith("promoted")
    assert [change.version for change in registry.history()] == [version.number]
    assert told_of_promotions(service) == 1
    assert shown(service, run) >= {"trigger", "dataset", "training", "verdict"}


def is_over(service: Service, run: FlowRun) -> bool:
    state = service.run(run).state
    return bool(state and (state.is_completed() or state.is_failed()))


def told_of_promotions(service: Service) -> int:
    """Return how many events told of a promotion."""
    wanted = {"filter": {"event": {"name": ["ecg.model.promoted"]}}}
    found: list[Any] = []

    def listed() -> bool:
        with service.client() as client:
            found[:] = client.request("POST", "/events/filter", json=wanted).json()["events"]
        return bool(found)

    service.until(listed, "the event of the promotion", 30)
    return len(found)


def shown(service: Service, run: FlowRun) -> set[str | None]:
    """Return the keys of the artifacts on a run's page and on those of its parts."""
    with service.client() as client:
        inner = [r.id for r in client.read_flow_runs(limit=200) if r.name]
        wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id, *inner]))
        return {artifact.key for artifact in client.read_artifacts(artifact_filter=wanted)}
