"""Recordings that occur twice under different names, told by their signals.

Names, headers, gain, offset, polarity, order and number of leads, length and file format may
differ. Two recordings are one if the outline of a lead of each is alike over all the time that they
share from their start; other recordings differ in the times of their beats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ecgmodel.dataset.splits import SPLITS
from ecgmodel.errors import DatasetError
from ecgmodel.signals.standard import FS
from ecgmodel.support.arrays import read_array

Outline = NDArray[np.float32]

_MEAN_OF = 9  # samples: 40 points a second
_POINTS_PER_S = round(FS) // _MEAN_OF
# Where pieces are compared first, s, and their length; then all that two recordings share.
_PIECES_S, _PIECE_S, _MOST_S, _LEAST_S = (0, 30, 120, 500), 10, 600, 5
_MAYBE, _ALIKE = 0.8, 0.95  # correlation
_TINY_MV = 1e-3
_AT_ONCE = 1024


def doubles(recordings: Mapping[str, Path]) -> list[tuple[str, str]]:
    """Return the pairs of recordings with the same signal, each pair once, sorted.

    Args:
        recordings: Name to the array `(samples, leads)` at 360 Hz, mV.
    """
    leads = [
        (name, path, lead)
        for name, path in sorted(recordings.items())
        for lead in range(read_array(path, mmap_mode="r").shape[1])
    ]
    # Only pieces are held in memory; whole outlines are read for those that may be alike.
    pieces = np.zeros((len(_PIECES_S), len(leads), _PIECE_S * _POINTS_PER_S), np.float32)
    for place, (_, path, lead) in enumerate(leads):
        outline = _read_outline(path, lead)
        for number, begin in enumerate(_PIECES_S):
            pieces[number, place] = _piece(outline, begin)
    found: set[tuple[str, str]] = set()
    for i, j in _candidates(pieces):
        pair = leads[i][0], leads[j][0]
        is_new = pair[0] != pair[1] and pair not in found
        if is_new and _are_alike(*(_read_outline(*leads[place][1:]) for place in (i, j))):
            found.add(pair)
    return sorted(found)


def check_doubles(dataset: Path) -> None:
    """Check that no recording is in two splits of a dataset under different names.

    Raises:
        DatasetError: One is; the message names both records.
    """
    found = {
        split: [
            (record, outline)
            for path in sorted((dataset / split).glob("*.parquet"))
            for (record, _), outline in _clean_outlines(path).items()
        ]
        for split in SPLITS
    }
    for one, other in combinations(SPLITS, 2):
        for (record, outline), (same, second) in product(found[one], found[other]):
            if _are_alike(outline, second):
                raise DatasetError(
                    f"Leak between splits: {record} ({one}) and {same} ({other}) are one "
                    "recording. Prepare the dataset again, or name one subject for both in "
                    "split.subjects."
                )


def _read_outline(path: Path, lead: int) -> Outline:
    signal = read_array(path, mmap_mode="r")
    return _outline(np.asarray(signal[: _MOST_S * round(FS), lead], np.float32))


def _outline(signal: NDArray[np.float32]) -> Outline:
    """Return the steps between means of 25 ms, NaN where samples are missing."""
    count = len(signal) // _MEAN_OF
    means = signal[: count * _MEAN_OF].reshape(count, _MEAN_OF).mean(axis=1)
    steps: Outline = np.diff(means).astype(np.float32)
    return steps


def _candidates(pieces: NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    """Yield pairs of leads (first < second) of which a piece is alike; a pair may come twice."""
    for each in pieces:
        for first in range(0, len(each), _AT_ONCE):
            alike = np.abs(each[first : first + _AT_ONCE] @ each.T) > _MAYBE
            for row, column in np.argwhere(alike):
                if first + row < column:
                    yield first + int(row), int(column)


def _piece(outline: Outline, begin_s: float) -> Outline:
    """Return 10 s of an outline without its mean, of length 1; zeros where it is flat or absent."""
    first = round(begin_s * _POINTS_PER_S)
    piece = np.zeros(_PIECE_S * _POINTS_PER_S, np.float32)
    there = np.nan_to_num(outline[first : first + len(piece)])
    piece[: len(there)] = there - there.mean() if len(there) else 0
    size = float(np.linalg.norm(piece))
    return piece / size if size > _TINY_MV else np.zeros_like(piece)


def _are_alike(one: Outline, other: Outline) -> bool:
    """Return whether two outlines are alike over all the time that they share."""
    count = min(len(one), len(other))
    known = np.isfinite(one[:count]) & np.isfinite(other[:count])
    if known.sum() < _LEAST_S * _POINTS_PER_S:
        return False
    a, b = one[:count][known], other[:count][known]
    if min(a.std(), b.std()) * np.sqrt(len(a)) <= _TINY_MV:
        return False
    return bool(abs(np.corrcoef(a, b)[0, 1]) > _ALIKE)


def _clean_outlines(path: Path) -> dict[tuple[str, str], Outline]:
    """Return the outlines of the clean signals in a shard, by record and lead."""
    signals: dict[tuple[str, str], NDArray[np.float32]] = {}
    for record, lead, start, clean in _rows(path):
        key, stop = (record, lead), start + len(clean)
        if stop <= _MOST_S * round(FS):
            if key not in signals:
                signals[key] = np.full(_MOST_S * round(FS), np.nan, np.float32)
            signals[key][start:stop] = clean
    return {key: _outline(signal) for key, signal in signals.items()}


def _rows(path: Path) -> Iterator[tuple[str, str, int, Any]]:
    """Yield record, lead, start and clean signal of the first copy of each row."""
    file = pq.ParquetFile(path)
    for batch in file.iter_batches(256, columns=["record", "lead", "start", "copy", "clean"]):
        clean = batch["clean"].flatten().to_numpy().reshape(len(batch), -1)
        names = (batch[name].to_pylist() for name in ("record", "lead", "start"))
        yield from zip(*names, clean, strict=True)


def one_subject(
    owners: Mapping[str, str], pairs: Iterable[tuple[str, str]], rank: Mapping[str, int]
) -> dict[str, str]:
    """Return each record's subject, the same for both records of a pair.

    Args:
        owners: Record to subject.
        pairs: Pairs of records that are one recording.
        rank: Subject to the rank of its split; of two subjects the lower rank is kept.
    """
    kept = dict(owners)
    for pair in pairs:
        subjects = {kept[record] for record in pair}
        first = min(subjects, key=lambda subject: (rank[subject], subject))
        kept = {record: first if s in subjects else s for record, s in kept.items()}
    return kept
