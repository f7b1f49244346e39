"""Locks know their holder by more than its number, and are cleared when it is gone."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ecgmodel.store.versions import ROOT
from ecgmodel.support import locks
from ecgmodel.support.locks import LockHeldError, is_here, lease, locked

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
