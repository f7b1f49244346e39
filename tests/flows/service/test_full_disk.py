"""A disk that fills up in the middle of a run fails it with advice, and spoils nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
import yaml

from ecgmodel.store import MANIFEST, is_intact, read_stored
from flows.service.servers import answers
from tests.flows.service.running import Service, running
from tests.flows.small import SMALL, Command, until
from tests.flows.test_kills import checkpoints, only

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

MEGABYTES = 48


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service whose store has a small disk of its own."""
    store = tmp_path / "state" / "store"
    store.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(store)]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no small disk can be made here: {mounted.stderr.strip()}")
    try:
        with running(tmp_path) as service:
            yield service
    finally:
        subprocess.run(["umount", "--lazy", str(store)], check=True)


def fill(store: Path) -> Path:
    """Take all space that is left on a store's disk, and return what takes it."""
    ballast = store / "ballast"
    for size in (2**20, 2**12):  # the rest too, while a run takes and frees some of it
        with suppress(OSError), ballast.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(size))
    return ballast


def moments(store: Path) -> dict[str, Callable[[], bool]]:
    """Return when to fill the disk: before anything, and in stages."""
    return {
        "before": lambda: True,
        "mix": lambda: any((store / "mix").glob("*")),
        "train": partial(checkpointed, store),
        "report": lambda: any((store / "report").glob("*")),
    }


def checkpointed(store: Path) -> bool:
    return checkpoints(store) >= 1


def test_a_full_disk_fails_a_run_with_advice_and_spoils_nothing(
    service: Service, tmp_path: Path
) -> None:
    store = service.state / "store"
    tree = {**SMALL, "training": {"epochs": 40, "batch_size": 16, "patience": None}}
    for stage, has_come in moments(store).items():
        run = service.start("retrain/train", settings=tree)
        service.process_of(run)
        until(has_come, 120, stage)
        ballast = fill(store)
        service.until(lambda run=run: ended(service, run), "the run's end")
        state = service.run(run).state
        assert state is not None
        assert state.is_failed(), (stage, state)
        print(f"{stage}: {state.message}")
        assert f"The disk is full: {store} has 0." in str(state.message)
        assert "`ecg-denoise gc`" in str(state.message)
        assert spoiled(store) == []
        assert answers(f"http://127.0.0.1:{service.prefect_port}/api/health")
        assert answers(f"{service.mlflow_url}/health")
        ballast.unlink()
    small = tmp_path / "small.yaml"
    small.write_text(yaml.safe_dump(tree))
    where = {"ECG_STORE": str(store), "ECG_MLFLOW_URI": service.mlflow_url}
    by_hand = Command(["retrain", "--config", str(small)], tmp_path / "hand", **where)
    assert "version 1" in by_hand.wait()
    assert spoiled(store) == []
    assert only(store, "train").info
    assert list(store.glob("*/*.partial")) == []


def ended(service: Service, run: object) -> bool:
    state = service.run(run).state
    return bool(state and (state.is_completed() or state.is_failed()))


def spoiled(store: Path) -> list[Path]:
    """Return the units that count as whole and are not."""
    manifests = [m for m in store.glob(f"*/*/{MANIFEST}") if m.parent.suffix != ".partial"]
    return [m.parent for m in manifests if not is_intact(read_stored(m.parent))]
