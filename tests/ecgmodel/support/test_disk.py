"""A full disk is reported with the remedy; other errors pass unchanged."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ecgmodel.errors import DiskFullError
from ecgmodel.store.versions import ROOT
from ecgmodel.support.disk import disk, full_disk

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_named_with_the_remedy(tmp_path: Path) -> None:
    with (
        pytest.raises(DiskFullError, match=r"MB left.*ecg-denoise gc.*nowhere/a") as caught,
        disk(tmp_path / "nowhere" / "a"),
        FULL.open("wb") as file,
    ):
        file.write(b"a")
    assert caught.value.errno == errno.ENOSPC
    with pytest.raises(DiskFullError) as again, disk(tmp_path):
        raise caught.value
    assert again.value is caught.value


def test_other_errors_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), disk(tmp_path):
        (tmp_path / "nowhere").read_bytes()
    with pytest.raises(OSError, match="5 requested") as caught, disk(tmp_path):
        raise OSError("5 requested and 3 written")  # as NumPy says it, where there is space
    assert not isinstance(caught.value, DiskFullError)


def test_a_full_disk_is_recognised_by_words_of_any_cause() -> None:
    error = ValueError("it failed")
    error.__cause__ = RuntimeError("database or disk is full")
    assert "The disk is full" in str(full_disk(error))
    assert full_disk(ValueError("it failed")) is None


@pytest.mark.parametrize("said", ["Permission denied", "database or disk is full"])
def test_errors_are_told_without_a_home_and_a_working_folder(tmp_path: Path, said: str) -> None:
    """As with `docker run --user 12345`, a user who has no home."""
    gone = tmp_path / "gone"
    gone.mkdir()
    code = (
        "import os, sys; from ecgmodel.support.disk import full_disk\n"
        "os.rmdir(os.getcwd())\n"
        "print(full_disk(RuntimeError(sys.argv[1])))"
    )
    # A home of "~" is none: `Path.home()` fails as it does for an unknown user.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": "~"}
    command = [sys.executable, "-c", code, said]
    done = subprocess.run(command, cwd=gone, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("None" if said == "Permission denied" else "[Errno 28] The disk")
