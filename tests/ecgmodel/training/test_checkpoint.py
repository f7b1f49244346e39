"""A checkpoint is whole or not there, whenever the process that writes it dies."""

from __future__ import annotations

import itertools
import random
import time
from pathlib import Path

import numpy as np
import pytest

from ecgmodel.training import checkpoint
from tests.processes import PROCESSES

ARRAYS = {"a/0": np.arange(5, dtype=np.float32), "seed": np.array([7, 2**32 - 1], np.uint32)}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_everything_comes_back_to_the_bit(tmp_path: Path) -> None:
    facts = {"rows": [{"loss": 0.1 + 0.2}], "best": float("inf"), "extra": {"run": "x"}}
    checkpoint.save(tmp_path / "new", 3, ARRAYS, facts)
    found = checkpoint.load(tmp_path / "new")
    assert found is not None
    assert (found.epoch, found.facts) == (3, facts)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype


def test_there_is_none_at_first(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path / "nowhere") is None


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    for epoch in range(5):
        checkpoint.save(tmp_path, epoch, ARRAYS, {})
    assert names(tmp_path) == ["epoch-000003.npz", "epoch-000004.npz"]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.99])
def test_a_cut_off_one_is_passed_over(
    tmp_path: Path, share: float, caplog: pytest.LogCaptureFixture
) -> None:
    for epoch in (1, 2):
        path = checkpoint.save(tmp_path, epoch, ARRAYS, {})
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    found = checkpoint.load(tmp_path)
    assert found is not None
    assert found.epoch == 1
    assert path.name in caplog.text


def test_an_altered_byte_is_never_believed(tmp_path: Path) -> None:
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


def test_after_unreadable_ones_training_starts_again_and_clears_them(tmp_path: Path) -> None:
    for epoch in (7, 8):
        checkpoint.save(tmp_path, epoch, ARRAYS, {}).write_bytes(b"rubbish")
    assert checkpoint.load(tmp_path) is None
    checkpoint.save(tmp_path, 0, ARRAYS, {})
    checkpoint.save(tmp_path, 1, ARRAYS, {})
    assert names(tmp_path) == ["epoch-000000.npz", "epoch-000001.npz"]


def test_a_save_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, ARRAYS, {})
    with pytest.raises(ValueError, match="Object arrays"):
        checkpoint.save(tmp_path, 2, {"no": np.array([object()])}, {})
    assert names(tmp_path) == ["epoch-000001.npz"]


def save_for_ever(folder: Path) -> None:
    for epoch in itertools.count(1):
        checkpoint.save(folder, epoch, {"state": np.full(1_000_000, epoch, np.float32)}, {})


def test_a_kill_at_any_moment_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    rng, in_the_middle = random.Random(0), 0
    for _ in range(4):
        process = PROCESSES.Process(target=save_for_ever, args=(tmp_path,))
        process.start()
        deadline = time.monotonic() + 30
        while checkpoint._epochs(tmp_path) == [] and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(rng.random() * 0.05)
        process.kill()
        process.join()
        in_the_middle += any(tmp_path.glob("*.tmp"))
        found = checkpoint.load(tmp_path)
        assert found is not None
        assert set(found.arrays["state"]) == {found.epoch}
        for path in tmp_path.iterdir():
            path.unlink()
    assert in_the_middle  # or this test would have shown nothing
