"""A full disk is reported with the remedy; other errors pass unchanged."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from ecgmodel.errors import DiskFullError
from ecgmodel.support.disk import disk

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
