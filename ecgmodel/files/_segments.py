"""Leads in segments: each has a place in time, and a scale between stored numbers and mV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import HintNeededError, RecordError
from ecgmodel.files._channels import find_columns, listed
from ecgmodel.files._ecg import Hints, check_rate
from ecgmodel.files._lead_codes import distinct
from ecgmodel.files._limits import check_values
from ecgmodel.support.samples import LazySamples, Samples, spans


@dataclass(frozen=True)
class Segment:
    """A segment of a lead.

    Attributes:
        lead: The lead's name.
        fs: Sampling rate, Hz.
        stored: `(samples,)`: the numbers in the file.
        scale: The unit of the numbers, mV.
        offset: The value of number 0, mV.
        missing: The number that marks a missing sample; None without one.
        at_s: Its time from the start of the recording, s.
        place: Where the format finds it in the file.
    """

    lead: str
    fs: float
    stored: NDArray[Any]
    scale: float
    offset: float = 0.0
    missing: float | None = None
    at_s: float = 0.0
    place: Any = None

    def __len__(self) -> int:
        return len(self.stored)

    def read(self, part: slice) -> NDArray[np.float64]:
        """Return samples in mV, NaN where they are missing."""
        raw = self.stored[part]
        found = raw.astype(np.float64) * self.scale + self.offset
        if self.missing is not None:
            found[raw == self.missing] = np.nan
        found[~np.isfinite(found)] = np.nan
        return found

    def to_stored(
        self, lead: NDArray[np.float64], low: float, high: float, path: Path
    ) -> NDArray[np.float64]:
        """Return samples in mV as whole numbers of the file.

        Args:
            lead: `(samples,)`, mV.
            low: The lowest number that the file holds.
            high: The highest one.
            path: The file, for errors.

        Raises:
            RecordError: A sample does not fit, or is missing and the file has no number for that.
        """
        found: NDArray[np.float64] = np.round((lead - self.offset) / self.scale)
        gaps = np.isnan(found)
        if gaps.any():
            if self.missing is None:
                raise RecordError(
                    f"{path.name}: lead {self.lead} has missing samples, which this format cannot "
                    "mark. Choose another format with --format."
                )
            found[gaps] = self.missing
        if self.missing is not None:  # a sample must not become a missing one
            found[~gaps & (found == self.missing)] += 1 if self.missing <= 0 else -1
        kept = found[~gaps]
        if len(kept) and not (low <= kept.min() and kept.max() <= high):
            raise RecordError(
                f"{path.name}: the samples of lead {self.lead} reach {np.abs(lead).max():g} mV, "
                "which does not fit into this file's numbers. Choose another format with --format."
            )
        return found


@dataclass(frozen=True)
class Timeline:
    """Leads of one rate on one time axis.

    Attributes:
        leads: Names of the leads.
        fs: Their sampling rate, Hz.
        shape: `(samples, leads)`.
        columns: The segments of each lead, with the sample at which each begins.
        other: Names of the leads that were not chosen.
    """

    leads: tuple[str, ...]
    fs: float
    shape: tuple[int, int]
    columns: tuple[tuple[tuple[int, Segment], ...], ...]
    other: tuple[str, ...]

    @property
    def signal(self) -> LazySamples:
        """The samples in mV; NaN where they are missing, and between segments."""
        return LazySamples(self.shape, self._read)

    def _read(self, start: int, stop: int) -> NDArray[np.float64]:
        found = np.full((stop - start, self.shape[1]), np.nan)
        for i, column in enumerate(self.columns):
            for at, segment in column:
                first, last = max(start, at), min(stop, at + len(segment))
                if first < last:
                    found[first - start : last - start, i] = segment.read(
                        slice(first - at, last - at)
                    )
        return found

    def pieces(self, signal: Samples) -> Iterator[tuple[Segment, int, NDArray[np.float64]]]:
        """Yield parts of the segments in a signal `(samples, leads)`, mV.

        Each part is a segment, the index of the part's first sample in it, and samples `(n,)`.
        """
        for part in spans(self.shape):
            values = np.asarray(signal[part], np.float64)
            for i, column in enumerate(self.columns):
                for at, segment in column:
                    first, last = max(part.start, at), min(part.stop, at + len(segment))
                    if first < last:
                        inside = values[first - part.start : last - part.start, i]
                        yield segment, first - at, inside

    def changed(self, signal: Samples) -> Iterator[tuple[Segment, NDArray[np.float64]]]:
        """Yield each segment with all its samples in a signal `(samples, leads)`, `(n,)`, mV."""
        every = [segment for column in self.columns for _, segment in column]
        found = {id(segment): np.empty(len(segment)) for segment in every}
        for segment, start, samples in self.pieces(signal):
            found[id(segment)][start : start + len(samples)] = samples
        yield from ((segment, found[id(segment)]) for segment in every)


def assemble(
    segments: Sequence[Segment],
    hints: Hints,
    path: Path,
) -> Timeline:
    """Return segments on one time axis.

    Segments of a lead that follow each other become one lead; one that overlaps an earlier one
    becomes a lead of its own, "II (2)".

    Args:
        segments: The segments.
        hints: Information from the user: the leads.
        path: The file, for errors.

    Raises:
        HintNeededError: The leads differ in rate, or a named lead does not exist.
        RecordError: There is no segment, or too much time lies between segments.
    """
    columns: list[list[Segment]] = []
    for segment in sorted(segments, key=lambda each: each.at_s):
        for column in columns:
            last = column[-1]
            same = (last.lead, last.fs) == (segment.lead, segment.fs)
            if same and segment.at_s >= last.at_s + (len(last) - 0.5) / last.fs:
                column.append(segment)
                break
        else:
            columns.append([segment])
    order = {id(segment): i for i, segment in enumerate(segments)}
    columns.sort(key=lambda column: min(order[id(segment)] for segment in column))
    names = distinct(column[0].lead for column in columns)
    if not columns:
        raise RecordError(f"{path.name} contains no ECG. Leave it out.")
    chosen = find_columns(names, hints.columns, path) if hints.columns else range(len(names))
    rates = sorted({columns[i][0].fs for i in chosen})
    if len(rates) > 1:
        raise HintNeededError(
            "--column",
            f"{path.name}: its ECG leads {listed([names[i] for i in chosen])} have different rates "
            f"({', '.join(f'{fs:g}' for fs in rates)} Hz). Give those of one rate with --column.",
        )
    fs = check_rate(rates[0], path)
    start = min(columns[i][0].at_s for i in chosen)
    placed = tuple(
        tuple((round((segment.at_s - start) * fs), segment) for segment in columns[i])
        for i in chosen
    )
    length = max(at + len(segment) for column in placed for at, segment in column)
    check_values(path, length * len(placed), path.stat().st_size)
    return Timeline(
        leads=tuple(names[i] for i in chosen),
        fs=fs,
        shape=(length, len(placed)),
        columns=placed,
        other=tuple(name for i, name in enumerate(names) if i not in chosen),
    )
