"""Locks know their holder by more than its number, and are cleared when it is gone."""

from __future__ import annotations

import logging
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import _soft, _util

from ecgmodel.store.versions import ROOT
from ecgmodel.support import _lease, locks
from ecgmodel.support.locks import LockHeldError, is_here, is_ours, lease, locked

HOLDS = """
import sys, time
from pathlib import Path
from ecgmodel.support.locks import locked
with locked(Path(sys.argv[1]), "it"):
    print("held", flush=True)
    time.sleep(600)
"""


def held(path: Path, *before: str) -> subprocess.Popen[str]:
    """Return a process that holds a lock."""
    command = [*before, sys.executable, "-c", HOLDS, str(path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lock_that_is_held_says_by_whom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locks, "_TOLD_S", 0.1)
    process = held(tmp_path / "a.lease")
    try:
        assert is_here(lease(tmp_path / "a.lease"))
        with (
            caplog.at_level(logging.WARNING),
            pytest.raises(LockHeldError, match=f"The unit is in use by process {process.pid} on "),
            locked(tmp_path / "a.lease", "The unit", 0.5),
        ):
            pass
        assert f"Waiting for The unit, in use by process {process.pid} on" in caplog.text
    finally:
        process.kill()
        process.wait()


def test_a_killed_holder_is_gone_at_once(tmp_path: Path) -> None:
    process = held(tmp_path / "a.lease")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (tmp_path / "a.lease").exists()
    start = time.monotonic()
    with locked(tmp_path / "a.lease", "it", 30):
        assert time.monotonic() - start < 10
    assert list(tmp_path.iterdir()) == []


def test_another_process_of_the_same_number_is_not_the_holder(tmp_path: Path) -> None:
    """As after a restart of the machine, or of a container whose first process has number 1."""
    with lease(tmp_path / "a.lease"):
        mine = (tmp_path / "a.lease").read_text()
    (line,) = [line for line in mine.splitlines() if line.startswith("start=")]
    earlier = mine.replace(line, f"start={int(line.partition('=')[2]) - 1}")
    assert f"pid={os.getpid()}" in earlier
    (tmp_path / "a.lease").write_text(earlier)
    with locked(tmp_path / "a.lease", "it", 30):
        pass


def test_a_holder_in_another_container_is_gone_when_it_renews_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")
    apart = (*apart, "--mount-proc")
    tried = (
        subprocess.run([*apart, "true"], capture_output=True) if shutil.which("unshare") else None
    )
    if tried is None or tried.returncode:
        pytest.skip("this machine lets nobody make a process namespace (unshare)")
    process = held(tmp_path / "a.lease", *apart)
    assert "pid=1\n" in (tmp_path / "a.lease").read_text()
    try:
        assert not is_here(lease(tmp_path / "a.lease"))
        with pytest.raises(LockHeldError), locked(tmp_path / "a.lease", "it", 1):
            pass
    finally:
        process.kill()
        process.wait()
    text = (tmp_path / "a.lease").read_text()
    (tmp_path / "a.lease").write_text(text.replace("duration=60.0", "duration=2.0"))
    monkeypatch.setattr(locks, "LEASE_S", 2.0)
    with locked(tmp_path / "a.lease", "it", 30):
        pass


STOPS = """
import os, signal, sys
from filelock import SoftFileLease
from ecgmodel.support import locks
locks.LEASE_S = 1.0
write = SoftFileLease._write_lock_info
def stop_first(self, fd):
    SoftFileLease._write_lock_info = write
    os.kill(os.getpid(), signal.SIGSTOP)
    write(self, fd)
SoftFileLease._write_lock_info = stop_first
"""


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> float:
    """A holder counts as gone after a second without a renewal."""
    monkeypatch.setattr(locks, "LEASE_S", 1.0)
    return 1.0


@pytest.fixture
def no_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on NFS and SMB: two names cannot be exchanged."""
    for module in (_soft, _util):
        monkeypatch.setattr(module, "exchange_names", lambda *_: False)


def elsewhere(path: Path) -> None:
    """Write the lock of a holder on another machine."""
    with lease(path) as mine:
        assert mine.owner
        record, host = path.read_text(), f"host={mine.owner.hostname}"
    assert host in record
    path.write_text(record.replace(host, "host=elsewhere"))


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_holder_killed_while_it_wrote_its_name_is_gone_in_time(
    tmp_path: Path, soon: float, share: float
) -> None:
    with lease(tmp_path / "a.lease"):
        record = (tmp_path / "a.lease").read_bytes()
    (tmp_path / "a.lease").write_bytes(record[: int(share * len(record))])
    assert not is_here(lease(tmp_path / "a.lease"))
    start = time.monotonic()
    with locked(tmp_path / "a.lease", "it", 10):
        assert time.monotonic() - start >= soon
    assert list(tmp_path.iterdir()) == []


def test_a_process_suspended_while_it_took_a_lock_takes_it_again(
    tmp_path: Path, soon: float
) -> None:
    path = tmp_path / "a.lease"
    child = subprocess.Popen(
        [sys.executable, "-c", STOPS + HOLDS, str(path)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert child.stdout
    try:
        os.waitid(os.P_PID, child.pid, os.WSTOPPED)
        assert path.stat().st_size == 0
        with locked(path, "it", 10):
            child.send_signal(signal.SIGCONT)
            assert select.select([child.stdout], [], [], 1.0)[0] == []
        assert child.stdout.readline() == b"held\n"
    finally:
        child.kill()
        child.wait()


@pytest.mark.usefixtures("no_exchange")
def test_a_killed_holder_is_gone_at_once_on_any_file_system(tmp_path: Path) -> None:
    process = held(tmp_path / "a.lease")
    process.kill()
    process.wait()
    with lease(tmp_path / "a.lease").acquire(timeout=0):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_exchange")
def test_a_holder_elsewhere_is_gone_when_it_renews_no_more_on_any_file_system(
    tmp_path: Path, soon: float
) -> None:
    path, ended = tmp_path / "a.lease", threading.Event()
    elsewhere(path)

    def renew() -> None:
        while not ended.wait(soon / 3):
            path.touch()

    renewing = threading.Thread(target=renew)
    renewing.start()
    try:
        with pytest.raises(LockHeldError), locked(path, "it", 2 * soon):
            pass
    finally:
        ended.set()
        renewing.join()
    with locked(path, "it", 10):
        pass


def test_the_lock_of_a_new_holder_is_put_back(tmp_path: Path) -> None:
    """Two processes find that a holder is gone, and one of them is late."""
    path = tmp_path / "a.lease"
    elsewhere(path)
    judged = _lease._read(path)
    assert judged
    path.unlink()
    with lease(path) as new:
        _lease._remove(path, judged)
        assert is_ours(new)
        assert list(tmp_path.iterdir()) == [path]
    assert list(tmp_path.iterdir()) == []


def test_who_lost_a_lock_learns_it_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.lease"
    with lease(path) as lost:
        assert is_ours(lost)
        path.unlink()
        assert not is_ours(lost)
        with lease(path).acquire(timeout=5) as new:
            assert not is_ours(lost)
            lost.release()
            assert is_ours(new)
