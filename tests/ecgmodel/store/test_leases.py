"""Leases of processes that are gone are cleared; the others block deletion."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from ecgmodel.errors import StoreInUseError
from ecgmodel.store import leases
from ecgmodel.store.leases import exclusive, hold
from ecgmodel.support import locks
from ecgmodel.support.locks import lease


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A holder counts as gone after a second without a renewal."""
    monkeypatch.setattr(locks, "LEASE_S", 1.0)
    monkeypatch.setattr(leases, "_LONGER_S", 0.5)


def leave(root: Path, name: str) -> Path:
    """Leave the lease of a process on another machine."""
    path = root / "locks" / "leases" / f"{name}.lease"
    with lease(path) as mine:
        assert mine.owner
        record, host = path.read_text(), f"host={mine.owner.hostname}"
    path.write_text(record.replace(host, "host=elsewhere"))
    return path


def test_leases_of_containers_that_were_killed_are_timed_together(tmp_path: Path) -> None:
    left = [leave(tmp_path, str(number)) for number in range(6)]
    left.append(tmp_path / "locks" / "leases" / "killed-while-it-began.lease")
    left[-1].touch()
    start = time.monotonic()
    with exclusive(tmp_path):
        assert time.monotonic() - start < 3
        assert not any(path.exists() for path in left)


def test_a_process_elsewhere_that_renews_its_lease_blocks_deletion(tmp_path: Path) -> None:
    path, ended = leave(tmp_path, "lives"), threading.Event()

    def renew() -> None:
        while not ended.wait(0.2):
            path.touch()

    renewing = threading.Thread(target=renew)
    renewing.start()
    try:
        with pytest.raises(StoreInUseError, match="on elsewhere"), exclusive(tmp_path):
            pass
    finally:
        ended.set()
        renewing.join()


def test_a_process_that_was_taken_for_gone_takes_a_new_lease(tmp_path: Path) -> None:
    def held() -> list[Path]:
        hold(tmp_path)
        return list((tmp_path / "locks" / "leases").glob("*.lease"))

    (first,) = held()
    first.unlink()
    end = time.monotonic() + 10
    while not held() and time.monotonic() < end:
        time.sleep(0.1)
    assert len(held()) == 1
