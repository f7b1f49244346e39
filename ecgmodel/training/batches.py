"""Batches of noisy and clean windows from Parquet shards, in bounded memory and seeded order.

The batches are NumPy arrays; `feeding` passes them to the Keras backend in use.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ecgmodel.errors import DatasetError, MissingFileError
from ecgmodel.support.randomness import generator

Floats = NDArray[np.float32]
Batch = tuple[Floats, Floats]
SIGNALS = ("noisy", "clean")


class Batches(Protocol):
    """Training data: batches of noisy and clean windows, epoch by epoch.

    `len` is the number of batches of an epoch. The batches of an epoch depend only on its number.
    """

    samples: int

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the batches `(noisy, clean)` of an epoch, each `(windows, samples, 1)` in mV."""


class ArrayBatches:
    """Batches from arrays in memory, in their order.

    Args:
        noisy: `(n, samples)` float32, mV.
        clean: Of the same shape.
        batch_size: Windows per batch; the last batch may be smaller.
    """

    def __init__(self, noisy: Floats, clean: Floats, batch_size: int) -> None:
        self.samples = noisy.shape[1]
        self._noisy, self._clean, self._size = noisy[..., None], clean[..., None], batch_size

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return -(-len(self._noisy) // self._size)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the batches of any epoch: all are the same."""
        for start in range(0, len(self._noisy), self._size):
            rows = slice(start, start + self._size)
            yield self._noisy[rows], self._clean[rows]


class _Group(NamedTuple):
    """A row group of a Parquet file, which is read at once."""

    path: Path
    number: int
    rows: int


class ShardBatches:
    """Noisy and clean windows from Parquet shards.

    With shuffling, row groups are read in random order across all shards into a buffer of
    `shuffle_rows` windows. Each batch is drawn at random from the buffer and replaced by the next
    rows read. Memory use is the buffer and one row group, whatever the size of the dataset. The
    order depends only on the seed and the number of the epoch.

    Args:
        paths: Shards with columns `noisy` and `clean`: fixed-size lists of float32 without nulls,
            in mV. The order of the paths matters.
        batch_size: Windows per batch; the last batch of an epoch may be smaller.
        seed: Seed of the order.
        shuffle_rows: Size of the shuffle buffer, windows; 0 keeps the order of the shards.

    Attributes:
        rows: Windows per epoch.
        samples: Samples per window.

    Raises:
        MissingFileError: A shard does not exist.
        DatasetError: A shard cannot be read, its windows differ in length, or no shard contains
            a window.

    Example:
        >>> batches = ShardBatches(sorted(folder.glob("*.parquet")), batch_size=128, seed=0)
        >>> noisy, clean = next(batches.epoch(1))
    """

    def __init__(
        self, paths: Sequence[Path], batch_size: int, seed: int = 0, shuffle_rows: int = 8192
    ) -> None:
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle_rows = shuffle_rows
        self.samples = 0
        self._groups: list[_Group] = []
        for path in paths:
            self._survey(Path(path))
        self.rows = sum(group.rows for group in self._groups)
        if not self.rows:
            raise DatasetError(
                f"Expected shards with at least one window. Received: {len(paths)} shards without "
                "any. Check the settings split and quality: too few subjects, or windows that the "
                "quality gate refused."
            )

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return -(-self.rows // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of epoch 0."""
        return self.epoch(0)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the batches of an epoch.

        Args:
            number: The epoch; each has a different order.

        Yields:
            `(noisy, clean)`, each float32 `(windows, samples, 1)` in mV.

        Raises:
            DatasetError: A shard was changed while it was in use.
        """
        if not self.shuffle_rows:
            yield from _rechunked(map(_read, self._groups), self.batch_size)
            return
        rng = generator(self.seed, "order", number)
        groups = (self._groups[i] for i in rng.permutation(len(self._groups)))
        chunks = _rechunked(map(_read, groups), self.batch_size)
        capacity = max(1, min(self.shuffle_rows, self.rows) // self.batch_size)
        yield from _shuffled(chunks, self.samples, capacity, self.batch_size, rng)

    def _survey(self, path: Path) -> None:
        """Register the row groups of a shard; only its footer is read."""
        try:
            file = pq.ParquetFile(path)
        except FileNotFoundError as error:
            raise MissingFileError(
                f"Shard {path} does not exist. Run `ecg-denoise prepare` to make the dataset again."
            ) from error
        except (OSError, pa.ArrowException) as error:
            raise DatasetError(
                f"Shard {path} is not a readable Parquet file: {error}. Run `ecg-denoise prepare` "
                "to make the dataset again."
            ) from error
        with file:
            for column in SIGNALS:
                self._check_length(path, column, file.schema_arrow)
            counts = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        self._groups += [_Group(path, i, rows) for i, rows in enumerate(counts) if rows]

    def _check_length(self, path: Path, column: str, schema: pa.Schema) -> None:
        kind: Any = schema.field(column).type if column in schema.names else pa.null()
        fits = (
            pa.types.is_fixed_size_list(kind)
            and kind.value_type == pa.float32()
            and (self.samples or kind.list_size) == kind.list_size
        )
        if not fits:
            length = self.samples or "n"
            raise DatasetError(
                f"Shard {path}, column {column!r}: expected fixed-size lists of {length} float32. "
                f"Received: {kind if column in schema.names else 'no such column'}."
            )
        self.samples = kind.list_size


def _read(group: _Group) -> Batch:
    """Return a row group's windows, each array `(rows, samples, 1)`."""
    try:
        # Pre-buffering copies once more: without it, reading local disks is three times as fast.
        with pq.ParquetFile(group.path, pre_buffer=False) as file:
            table = file.read_row_group(group.number, columns=list(SIGNALS), use_threads=False)
            noisy, clean = (_windows(table.column(name)) for name in SIGNALS)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(
            f"Shard {group.path}, row group {group.number} cannot be read: {error}. "
            "It was changed during the training. Run `ecg-denoise prepare` to make the dataset "
            "again."
        ) from error
    return noisy, clean


def _windows(column: pa.ChunkedArray) -> Floats:
    array = column.combine_chunks()
    if array.null_count or array.values.null_count:
        raise pa.ArrowInvalid("it contains nulls")
    samples = array.type.list_size
    values = array.flatten().to_numpy(zero_copy_only=True)
    windows: Floats = values.reshape(-1, samples, 1)
    return windows


def _rechunked(groups: Iterator[Batch], size: int) -> Iterator[Batch]:
    """Yield chunks of `size` rows from groups of any size, in order; the last may be smaller."""
    rest: Batch | None = None
    for group in groups:
        noisy, clean = group if rest is None else _joined(rest, group)
        whole = len(noisy) - len(noisy) % size
        for start in range(0, whole, size):
            yield noisy[start : start + size], clean[start : start + size]
        rest = (noisy[whole:], clean[whole:])
    if rest is not None and len(rest[0]):
        yield rest


def _joined(first: Batch, second: Batch) -> Batch:
    if not len(first[0]):
        return second
    return np.concatenate([first[0], second[0]]), np.concatenate([first[1], second[1]])


def _shuffled(
    chunks: Iterator[Batch], samples: int, capacity: int, size: int, rng: np.random.Generator
) -> Iterator[Batch]:
    """Yield batches of `size` rows from random places of a buffer of `capacity` chunks."""
    shape = ((capacity + 1) * size, samples, 1)
    noisy, clean = np.empty(shape, np.float32), np.empty(shape, np.float32)
    held = 0
    for chunk in chunks:
        rows = len(chunk[0])
        if held < capacity * size or rows < size:  # the last, smaller chunk joins the buffer
            place: Any = slice(held, held + rows)
            held += rows
        else:
            place = rng.choice(held, rows, replace=False)
            yield noisy[place], clean[place]
        noisy[place], clean[place] = chunk
    order = rng.permutation(held)
    for start in range(0, held, size):
        place = order[start : start + size]
        yield noisy[place], clean[place]
