"""Signals that may be larger than memory: read, and written, a piece of time after the other."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PIECE = 2**20
"""Values of all leads that are held at once."""
IN_MEMORY = 2**23
"""Values up to which a whole signal is held in memory: 64 MiB."""


class Samples(Protocol):
    """A signal `(samples, leads)` in mV, NaN where a sample is missing; an array is one, too."""

    @property
    def shape(self) -> tuple[int, ...]:
        """`(samples, leads)`."""

    def __len__(self) -> int:
        """Return the number of samples."""

    def __getitem__(self, part: slice, /) -> NDArray[Any]:
        """Return a piece of time, `(n, leads)`."""


class Lead:
    """One lead of a signal, `(samples,)`.

    Args:
        signal: The signal.
        number: The lead's number, from 0.
    """

    def __init__(self, signal: Samples, number: int) -> None:
        self._signal, self._number = signal, number

    def __len__(self) -> int:
        return len(self._signal)

    def __getitem__(self, part: slice, /) -> NDArray[Any]:
        """Return a piece of time, `(n,)`."""
        return self._signal[part][:, self._number]


class LazySamples:
    """A signal that is read, or computed, when a piece of it is asked for.

    Args:
        shape: `(samples, leads)`.
        read: Returns the samples from `start` to before `stop`.
    """

    def __init__(self, shape: tuple[int, int], read: Callable[[int, int], NDArray[Any]]) -> None:
        self.shape: tuple[int, ...] = shape
        self._read = read

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, part: slice, /) -> NDArray[Any]:
        start, stop, _ = part.indices(len(self))
        return self._read(start, max(start, stop))


class DiskSamples:
    """A signal in a temporary file without a name, which ends with the object or the process.

    Args:
        shape: `(samples, leads)`.
        folder: The folder of the file; None for the system's temporary folder.
    """

    def __init__(self, shape: tuple[int, ...], folder: Path | None = None) -> None:
        self.shape = shape
        self._file = nameless_file(folder)
        self._row = 8 * shape[1]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, part: slice, /) -> Floats:
        start, stop, _ = part.indices(len(self))
        data = bytearray(max(0, stop - start) * self._row)
        view, done = memoryview(data), 0
        while done < len(data):
            count = os.preadv(self._file.fileno(), [view[done:]], start * self._row + done)
            if not count:  # a part that was never written
                break
            done += count
        return np.frombuffer(data, np.float64).reshape(-1, self.shape[1])

    def append(self, samples: NDArray[Any]) -> None:
        """Add samples `(n, leads)` at the end."""
        start = len(self)
        self.shape = (start + len(samples), *self.shape[1:])
        self[start:] = samples

    def __setitem__(self, part: slice, samples: NDArray[Any], /) -> None:
        start, stop, _ = part.indices(len(self))
        rows = np.ascontiguousarray(samples, np.float64)
        if rows.shape != (max(0, stop - start), self.shape[1]):
            raise ValueError(f"Expected samples for {start} to {stop}. Received: {rows.shape}.")
        view, done = memoryview(rows.tobytes()), 0
        while done < len(view):
            done += os.pwrite(self._file.fileno(), view[done:], start * self._row + done)


def nameless_file(folder: Path | None = None) -> BinaryIO:
    """Return a temporary file that ends when it is closed, or its process is killed.

    Args:
        folder: Its folder; None for the system's temporary folder.
    """
    return tempfile.TemporaryFile(dir=folder)


def gathered(pieces: Iterable[NDArray[Any]], columns: int) -> Samples:
    """Return pieces `(n, columns)` of unknown number as one signal, on the disk if it is large."""
    held: list[NDArray[Any]] = []
    disk: DiskSamples | None = None
    for piece in pieces:
        if disk is None:
            held.append(piece)
            if sum(one.size for one in held) > IN_MEMORY:
                disk = DiskSamples((0, columns))
        if disk is not None:
            for one in held or [piece]:
                disk.append(one)
            held = []
    if disk is not None:
        return disk
    return np.concatenate(held) if held else np.empty((0, columns))


Writable = NDArray[Any] | DiskSamples


def room_for(shape: tuple[int, ...], folder: Path | None = None) -> Writable:
    """Return room for a signal: in memory if it is small, else on the disk.

    Args:
        shape: `(samples, leads)`.
        folder: The folder of the file; None for the system's temporary folder.
    """
    if is_small(shape):
        return np.empty(shape)
    return DiskSamples(shape, folder)


def is_small(shape: tuple[int, ...]) -> bool:
    """Return whether a signal of this shape is held in memory."""
    return int(np.prod(shape, dtype=np.int64)) <= IN_MEMORY


def spans(shape: tuple[int, ...], step: int = 1) -> Iterator[slice]:
    """Yield the pieces of time of a signal, all but the last a multiple of `step` samples long."""
    length = max(1, PIECE // max(1, shape[1]) // step) * step
    for start in range(0, shape[0], length):
        yield slice(start, min(start + length, shape[0]))


def whole(signal: Samples) -> Floats:
    """Return a signal as one array, float64."""
    if isinstance(signal, np.ndarray):
        return np.asarray(signal, np.float64)
    found = np.empty(signal.shape)
    for part in spans(signal.shape):
        found[part] = signal[part]
    return found
