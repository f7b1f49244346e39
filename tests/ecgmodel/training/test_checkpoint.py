"""Checkpoints are written atomically, even if the process is killed."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from ecgmodel.training import checkpoint
from tests.processes import PROCESSES

ARRAYS = {"a/0": np.arange(5, dtype=np.float32), "seed": np.array([7, 2**32 - 1], np.uint32)}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_checkpoint_is_restored_exactly(tmp_path: Path) -> None:
    facts = {"rows": [{"loss": 0.1 + 0.2}], "best": float("inf"), "extra": {"run": "x"}}
    checkpoint.save(tmp_path / "new", 3, ARRAYS, facts)
    found = checkpoint.load(tmp_path / "new")
    assert found is not None
    assert (found.epoch, found.facts) == (3, facts)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype


def test_an_empty_folder_has_no_checkpoint(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path / "nowhere") is None


def test_the_last_two_checkpoints_are_kept(tmp_path: Path) -> None:
    for epoch in range(5):
        checkpoint.save(tmp_path, epoch, ARRAYS, {})
    assert names(tmp_path) == ["epoch-000003.npz", "epoch-000004.npz"]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.99])
def test_a_truncated_checkpoint_is_skipped(
    tmp_path: Path, share: float, caplog: pytest.LogCaptureFixture
) -> None:
    for epoch in (1, 2):
        path = checkpoint.save(tmp_path, epoch, ARRAYS, {})
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    found = checkpoint.load(tmp_path)
    assert found is not None
    assert found.epoch == 1
    assert path.name in caplog.text


def test_an_altered_byte_is_detected(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, ARRAYS, {"epoch": 1})
    path = checkpoint.save(tmp_path, 2, ARRAYS, {"epoch": 2})
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        found = checkpoint.load(tmp_path)
        assert found is not None
        for name, array in ARRAYS.items():
            if name in found.arrays or found.epoch == 1:
                np.testing.assert_array_equal(found.arrays[name], array)


def test_unreadable_checkpoints_are_replaced(tmp_path: Path) -> None:
    for epoch in (7, 8):
        checkpoint.save(tmp_path, epoch, ARRAYS, {}).write_bytes(b"rubbish")
    assert checkpoint.load(tmp_path) is None
    checkpoint.save(tmp_path, 0, ARRAYS, {})
    checkpoint.save(tmp_path, 1, ARRAYS, {})
    assert names(tmp_path) == ["epoch-000000.npz", "epoch-000001.npz"]


def test_a_failed_save_leaves_no_file(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, ARRAYS, {})
    with pytest.raises(ValueError, match="Object arrays"):
        checkpoint.save(tmp_path, 2, {"no": np.array([object()])}, {})
    assert names(tmp_path) == ["epoch-000001.npz"]


class Deadly:
    """An array that has the process killed when it is to be written."""

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def save_and_be_killed(folder: Path, place: str) -> None:
    state = {"state": np.full(100_000, 1, np.float32)}
    checkpoint.save(folder, 1, state, {})
    fsync, calls = os.fsync, itertools.count(1)

    def killed(handle: int) -> None:
        if next(calls) == (1 if place == "before its name" else 2):
            Deadly().__array__()
        fsync(handle)

    if place != "half way":
        os.fsync = killed  # of this process alone
    checkpoint.save(folder, 2, state | ({"then": Deadly()} if place == "half way" else {}), {})


@pytest.mark.parametrize(
    ("place", "newest", "half"),
    [("half way", 1, True), ("before its name", 1, True), ("after it", 2, False)],
)
def test_a_kill_leaves_a_whole_checkpoint_wherever_it_comes(
    tmp_path: Path, place: str, newest: int, half: bool
) -> None:
    process = PROCESSES.Process(target=save_and_be_killed, args=(tmp_path, place))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert any(tmp_path.glob("*.tmp")) == half
    found = checkpoint.load(tmp_path)
    assert found is not None
    assert found.epoch == newest
    assert set(found.arrays["state"]) == {1}
