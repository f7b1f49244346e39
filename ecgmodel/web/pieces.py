"""A recording that is too long to be given to the page at once: the page asks for what it shows.

The samples, and the lowest and highest value of each 8 and each 64 of them, lie in files of tiles
of 4096 values. Of each 512 samples the page gets them all at once, and draws from that whatever it
shows from afar. A tile holds the rows of each lead, float32, mV, NaN where a sample is missing:
original and denoised; above the samples, of original, denoised and removed the lowest values, then
the highest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgmodel.support.samples import PIECE, Samples

TILE, FACTOR = 4096, 8
STEPS = (1, 8, 64)
"""Samples in a value of the levels that lie in files."""
TOP = 512
"""Samples in a value of what the page gets at once."""

Floats = NDArray[np.float32]


def write_pieces(
    folder: Path, signal: Samples, cleaned: Samples, progress: Callable[[float], None]
) -> list[Floats]:
    """Write the files.

    Args:
        folder: Where to; it is created.
        signal: The recording, `(samples, leads)`, mV.
        cleaned: The same, cleaned.
        progress: Called with each completed share of the work; the shares sum to 1.

    Returns:
        For each lead `(6, values)`: of each `TOP` samples, the rows of a tile.
    """
    folder.mkdir()
    samples, leads = signal.shape
    unit = TILE * FACTOR  # ends with a value of each level
    length = max(1, PIECE // leads // unit) * unit
    levels = [_Level(folder / str(step)) for step in STEPS]
    top: list[Floats] = []
    try:
        for start in range(0, samples, length):
            part = slice(start, min(start + length, samples))
            pair = [np.asarray(one[part], np.float32).T for one in (signal, cleaned)]
            levels[0].add(np.stack(pair, axis=1))
            kinds = np.stack([*pair, pair[0] - pair[1]], axis=1)
            extremes = (kinds, kinds)
            for level in levels[1:]:
                extremes = _coarser(*extremes)
                level.add(_rows(*extremes))
            top.append(_rows(*_coarser(*extremes)))
            progress((part.stop - part.start) / samples)
        for level in levels:
            level.end()
    finally:
        for level in levels:
            level.close()
    return list(np.concatenate(top, axis=2))


def read_tile(
    folder: Path, step: int, tile: int, leads: Sequence[int], shape: tuple[int, int]
) -> bytes | None:
    """Return a tile of some leads as it lies in its file, None if there is none.

    Args:
        folder: The files.
        step: The level, one of `STEPS`.
        tile: Its number, from 0.
        leads: Their numbers, from 0.
        shape: `(samples, leads)` of the recording.
    """
    samples, count = shape
    values = min(TILE, -(-samples // step) - tile * TILE)
    if step not in STEPS or tile < 0 or values <= 0 or not all(0 <= n < count for n in leads):
        return None
    rows = 2 if step == 1 else 6
    before, own = 4 * rows * TILE * count * tile, 4 * rows * values
    with (folder / str(step)).open("rb") as file:
        found = []
        for lead in leads:
            file.seek(before + own * lead)
            found.append(file.read(own))
    return b"".join(found)


class _Level:
    """A file of tiles, which is filled in order."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._waiting: list[Floats] = []

    def add(self, rows: Floats) -> None:
        """Add values `(leads, rows, values)`."""
        self._waiting.append(rows)
        if sum(one.shape[2] for one in self._waiting) < TILE:
            return
        together = np.concatenate(self._waiting, axis=2)
        full = together.shape[2] // TILE * TILE
        for first in range(0, full, TILE):
            self._file.write(together[:, :, first : first + TILE].tobytes())
        self._waiting = [together[:, :, full:]] if full < together.shape[2] else []

    def end(self) -> None:
        """Write the last tile, which may be shorter."""
        if self._waiting:
            self._file.write(np.concatenate(self._waiting, axis=2).tobytes())

    def close(self) -> None:
        self._file.close()


def _coarser(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return lowest and highest of each `FACTOR` values `(leads, kinds, values)`."""
    missing = -low.shape[2] % FACTOR
    if missing:
        pad = ((0, 0), (0, 0), (0, missing))
        low, high = (np.pad(one, pad, constant_values=np.nan) for one in (low, high))
    shape = (*low.shape[:2], -1, FACTOR)
    return np.fmin.reduce(low.reshape(shape), axis=3), np.fmax.reduce(high.reshape(shape), axis=3)


def _rows(low: Floats, high: Floats) -> Floats:
    """Return `(leads, 6, values)`: the lowest of each kind, then the highest."""
    return np.concatenate([low, high], axis=1)
