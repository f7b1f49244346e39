"""Keras receives the batches of the iterator, prefetched by a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

from ecgmodel.training.batches import Batch, ShardBatches
from ecgmodel.training.feeding import EpochDataset, ahead, feed
from tests.ecgmodel.training.test_batches import write_shard

SAMPLES = 8


@pytest.fixture
def batches(tmp_path: Path) -> ShardBatches:
    windows = np.arange(100.0)[:, None] + np.zeros((1, SAMPLES))
    return ShardBatches([write_shard(tmp_path / "a.parquet", windows, -windows)], 32, seed=1)


def assert_equal(given: list[Batch], wanted: list[Batch]) -> None:
    for mine, theirs in zip(given, wanted, strict=True):
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(a, b)


def test_keras_receives_the_batches_of_the_epoch(batches: ShardBatches) -> None:
    assert_equal(list(feed(batches, 3)), list(batches.epoch(3)))


def test_other_backends_receive_the_same_batches(batches: ShardBatches) -> None:
    dataset = EpochDataset(batches, 3)
    assert len(dataset) == 4
    wanted = list(batches.epoch(3))
    assert_equal([dataset[i] for i in range(4)], wanted)
    assert_equal(
        [dataset[0], dataset[1], dataset[0], dataset[3]], [wanted[i] for i in (0, 1, 0, 3)]
    )


def test_fit_accepts_the_dataset_of_other_backends(batches: ShardBatches) -> None:
    model = keras.Sequential([keras.Input((None, 1)), keras.layers.Conv1D(1, 1)])
    model.compile("sgd", "mse")
    history = model.fit(EpochDataset(batches, 1), shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"][-1])


def counted(count: int, made: list[int], fail: bool = False) -> Iterator[Batch]:
    for i in range(count):
        made.append(i)
        yield np.full((1, 1, 1), i, np.float32), np.zeros((1, 1, 1), np.float32)
    if fail:
        raise OSError("the disk is gone")


def running() -> int:
    return sum(thread.name == "batches" for thread in threading.enumerate())


def settled(condition: object, want: object) -> bool:
    deadline = time.monotonic() + 60
    while condition() != want and time.monotonic() < deadline:  # type: ignore[operator]
        time.sleep(0.01)
    return condition() == want  # type: ignore[operator]


def test_prefetching_is_limited() -> None:
    made: list[int] = []
    batches = ahead(counted(100, made), depth=3)
    next(batches)
    assert settled(lambda: len(made), 5)  # one taken, three waiting, one in hand
    time.sleep(0.05)
    assert len(made) == 5
    batches.close()  # type: ignore[attr-defined]
    assert settled(running, 0)


def test_an_error_of_the_thread_is_raised_in_the_consumer() -> None:
    batches = ahead(counted(2, [], fail=True))
    with pytest.raises(OSError, match="the disk is gone"):
        list(batches)
    assert settled(running, 0)
