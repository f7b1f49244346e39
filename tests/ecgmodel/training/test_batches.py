"""Batches contain every window once, in an order that depends on seed and epoch."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ecgmodel.dataset.shards import ShardWriter, schema
from ecgmodel.errors import DatasetError, MissingFileError
from ecgmodel.training.batches import ShardBatches

SAMPLES = 16
SHARD_ROWS = (130, 7, 64, 201)


def write_shard(path: Path, noisy: np.ndarray, clean: np.ndarray, group: int = 50) -> Path:
    kind = pa.list_(pa.field("element", pa.float32(), nullable=False), noisy.shape[1])
    fields = [pa.field(name, kind, nullable=False) for name in ("noisy", "clean")]
    arrays = [
        pa.FixedSizeListArray.from_arrays(pa.array(a.astype(np.float32).ravel()), type=kind)
        for a in (noisy, clean)
    ]
    table = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    pq.write_table(table, path, row_group_size=group, compression="NONE")
    return path


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Shards of numbered windows: noisy is the number, clean its negative."""
    first, paths = 0, []
    for i, rows in enumerate(SHARD_ROWS):
        number = np.arange(first, first + rows, dtype=np.float32)[:, None] + np.zeros((1, SAMPLES))
        paths.append(write_shard(tmp_path / f"{i}.parquet", number, -number))
        first += rows
    return paths


def numbers(batches: ShardBatches, epoch: int) -> np.ndarray:
    return np.concatenate([noisy[:, 0, 0] for noisy, _ in batches.epoch(epoch)]).astype(int)


@pytest.mark.parametrize("shuffle_rows", [0, 1, 64, 100, 10_000])
@pytest.mark.parametrize("batch_size", [1, 32, 402, 1000])
def test_an_epoch_contains_every_window_once(
    shards: list[Path], shuffle_rows: int, batch_size: int
) -> None:
    batches = ShardBatches(shards, batch_size, seed=3, shuffle_rows=shuffle_rows)
    epoch = list(batches.epoch(1))
    assert len(epoch) == len(batches) == -(-sum(SHARD_ROWS) // batch_size)
    assert {len(noisy) for noisy, _ in epoch[:-1]} <= {batch_size}
    seen = np.concatenate([noisy for noisy, _ in epoch])
    assert seen.shape == (sum(SHARD_ROWS), SAMPLES, 1)
    assert seen.dtype == np.float32
    assert sorted(seen[:, 0, 0]) == list(range(sum(SHARD_ROWS)))
    for noisy, clean in epoch:
        np.testing.assert_array_equal(noisy, -clean)


def test_order_depends_only_on_seed_and_epoch(shards: list[Path]) -> None:
    batches = ShardBatches(shards, 32, seed=3, shuffle_rows=100)
    first = numbers(batches, 1)
    assert not np.array_equal(first, numbers(batches, 2))
    again = ShardBatches(shards, 32, seed=3, shuffle_rows=100)
    np.testing.assert_array_equal(numbers(again, 1), first)  # whatever was asked for before
    other = ShardBatches(shards, 32, seed=4, shuffle_rows=100)
    assert not np.array_equal(numbers(other, 1), first)


def test_without_shuffling_the_shards_order_is_kept(shards: list[Path]) -> None:
    batches = ShardBatches(shards, 32, shuffle_rows=0)
    np.testing.assert_array_equal(numbers(batches, 5), np.arange(sum(SHARD_ROWS)))


def test_a_batch_mixes_shards(tmp_path: Path) -> None:
    shard = np.repeat(np.arange(10.0), 200)
    paths = [
        write_shard(tmp_path / f"{i}.parquet", np.full((200, SAMPLES), i), np.zeros((200, SAMPLES)))
        for i in range(10)
    ]
    batches = ShardBatches(paths, 50, shuffle_rows=500)
    counts = [len(set(noisy[:, 0, 0])) for noisy, _ in batches.epoch(1)]
    assert np.mean(counts) >= 5
    order = np.concatenate([noisy[:, 0, 0] for noisy, _ in batches.epoch(1)])
    assert abs(np.corrcoef(order, np.arange(len(shard)))[0, 1]) < 0.5


def test_memory_use_is_the_buffer_not_the_dataset(tmp_path: Path) -> None:
    rows, samples, group = 512, 1024, 128
    window = np.zeros((rows, samples))
    paths = [write_shard(tmp_path / f"{i}.parquet", window, window, group) for i in range(10)]
    dataset = 10 * rows * samples * 4 * 2
    batches = ShardBatches(paths, 64, shuffle_rows=256)
    arrow = pa.total_allocated_bytes()
    tracemalloc.start()
    most_arrow = 0
    for _ in batches.epoch(1):
        most_arrow = max(most_arrow, pa.total_allocated_bytes() - arrow)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak + most_arrow < 0.25 * dataset


def test_shards_of_the_pipeline_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "shard.parquet"
    clean = np.sin(np.arange(SAMPLES)).astype(np.float32)
    others = [kind for kind in schema(SAMPLES) if kind.name not in ("noisy", "clean")]
    columns = {kind.name: [None if kind.nullable else ""] * 5 for kind in others}
    columns |= {"start": range(5), "copy": [0] * 5}
    for name in ("noise_record", "noise_lead", "noise_start"):
        columns[name] = [[]] * 5
    with ShardWriter(path, SAMPLES, {"fs": 360}) as writer:
        writer.write(clean + np.arange(5)[:, None], np.tile(clean, (5, 1)), columns)
    ((noisy, target),) = ShardBatches([path], 8, shuffle_rows=0).epoch(1)
    np.testing.assert_array_equal(noisy[3, :, 0], clean + 3)
    np.testing.assert_array_equal(target[3, :, 0], clean)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"gone\.parquet"):
        ShardBatches([tmp_path / "gone.parquet"], 8)


def test_an_unreadable_shard_is_named(tmp_path: Path) -> None:
    path = tmp_path / "text.parquet"
    path.write_text("not at all Parquet")
    with pytest.raises(DatasetError, match=r"text\.parquet"):
        ShardBatches([path], 8)


def test_windows_of_two_lengths_are_refused(tmp_path: Path) -> None:
    paths = [
        write_shard(tmp_path / f"{n}.parquet", np.zeros((4, n)), np.zeros((4, n))) for n in (8, 16)
    ]
    with pytest.raises(DatasetError, match=r"16\.parquet.*lists of 8 float32.*\[16\]"):
        ShardBatches(paths, 8)


def test_a_shard_without_the_columns_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"noisy": [1.0]}), tmp_path / "a.parquet")
    with pytest.raises(DatasetError, match=r"'noisy'.*Received: double"):
        ShardBatches([tmp_path / "a.parquet"], 8)
    pq.write_table(pa.table({"x": [1.0]}), tmp_path / "b.parquet")
    with pytest.raises(DatasetError, match="no such column"):
        ShardBatches([tmp_path / "b.parquet"], 8)


@pytest.mark.parametrize("shards", [0, 1])
def test_shards_without_windows_are_refused(tmp_path: Path, shards: int) -> None:
    empty = write_shard(tmp_path / "0.parquet", np.zeros((0, 8)), np.zeros((0, 8)))
    with pytest.raises(DatasetError, match=r"at least one window.*quality gate"):
        ShardBatches([empty][:shards], 8)


def test_a_shard_truncated_while_in_use_is_named(shards: list[Path]) -> None:
    batches = ShardBatches(shards, 32)
    shards[0].write_bytes(shards[0].read_bytes()[:500])
    with pytest.raises(DatasetError, match=r"0\.parquet"):
        list(batches.epoch(1))
