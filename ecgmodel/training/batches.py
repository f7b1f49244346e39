"""Batches of noisy and clean windows from Parquet shards, in bounded memory, in a seeded order.

Plain NumPy: `feeding` hands them to whatever framework trains.
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
    """What training needs of its data: noisy and clean windows, epoch by epoch.

    `len` is the number of batches of an epoch; an epoch's batches follow from its number alone.
    """

    samples: int

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the batches `(noisy, clean)` of an epoch, each `(windows, samples, 1)` in mV."""


class ArrayBatches:
    """Windows that lie in memory, in their order.

    Args:
        noisy: `(n, samples)` float32, mV.
        clean: Of the same shape.
        batch_size: Windows a batch; the last one may hold fewer.
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
    """A row group: the unit of reading."""

    path: Path
    number: int
    rows: int


class ShardBatches:
    """Noisy and clean windows from Parquet shards.

    With shuffling, row groups are read in a random order across all shards into a buffer of
    `shuffle_rows` windows; each batch is drawn from random places of it, and what was drawn is
    replaced by what is read next. Memory holds the buffer and one row group, however large the
    dataset. The order follows from the seed and the epoch's number alone.

    Args:
        paths: Shards with columns `noisy` and `clean`: fixed-size lists of float32 without nulls,
            in mV. Their order counts.
        batch_size: Windows a batch; the last one of an epoch may hold fewer.
        seed: What the order follows from.
        shuffle_rows: Windows that are mixed at a time; 0 keeps the order of the shards.

    Attributes:
        rows: Windows an epoch.
        samples: Samples a window.

    Raises:
        MissingFileError: A shard is not there.
        DatasetError: A shard cannot be read, its windows have another length, or there is no
            window at all.

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
                f"Expected shards with at least one window. Received: {len(paths)} shards with "
                "none. Check the split, and what the quality gate kept."
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
            number: The epoch; each has an order of its own.

        Yields:
            `(noisy, clean)`, each float32 `(windows, samples, 1)` in mV.

        Raises:
            DatasetError: A shard was altered while it was in use.
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
        """Note a shard's row groups; only its footer is read."""
        try:
            file = pq.ParquetFile(path)
        except FileNotFoundError as error:
            raise MissingFileError(
                f"Shard {path} is not there. Expected a Parquet file; prepare the dataset again."
            ) from error
        except (OSError, pa.ArrowException) as error:
            raise DatasetError(f"Shard {path} is no readable Parquet file: {error}") from error
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
        # Without pre-buffering, which copies once more: thrice as fast on local disks.
        with pq.ParquetFile(group.path, pre_buffer=False) as file:
            table = file.read_row_group(group.number, columns=list(SIGNALS), use_threads=False)
            noisy, clean = (_windows(table.column(name)) for name in SIGNALS)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(
            f"Shard {group.path}, row group {group.number} cannot be read: {error}. "
            "It was altered while it was in use; prepare the dataset again."
        ) from error
    return noisy, clean


def _windows(column: pa.ChunkedArray) -> Floats:
    array = column.combine_chunks()
    if array.null_count or array.values.null_count:
        raise pa.ArrowInvalid("it holds nulls")
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
        if held < capacity * size or rows < size:  # the last rows only make the rest longer
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
