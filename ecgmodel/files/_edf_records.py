"""Samples in the data records of an EDF or BDF file, read and written in pieces of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor, log10
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import RecordError
from ecgmodel.files._edf_layout import EdfSignal, Kind, Layout
from ecgmodel.support import samples
from ecgmodel.support.samples import Floats, Samples

Bytes = NDArray[np.uint8]

_HEADROOM = 1.1


@dataclass(frozen=True)
class Block:
    """Consecutive data records without time between them, or a part of one long record.

    Attributes:
        first: Its first record.
        last: The record after its last one.
        part: Its samples of each lead, in each record.
        start: The sample of the recording at which it begins.
    """

    first: int
    last: int
    part: slice
    start: int

    @property
    def length(self) -> int:
        """Samples of each lead."""
        return (self.last - self.first) * int(self.part.stop - self.part.start)


@dataclass(frozen=True)
class LeadRecords:
    """The leads in a file's data records.

    Attributes:
        layout: The file's header.
        leads: Their channels, of one rate.
        scales: The unit of each lead, mV.
        at: `(records,)`: the sample of the recording at which each record begins.
    """

    layout: Layout
    leads: tuple[EdfSignal, ...]
    scales: tuple[float, ...]
    at: NDArray[np.int64]

    @property
    def length(self) -> int:
        """Samples from the start of the first record to the end of the last one."""
        return int(self.at[-1]) + self.leads[0].samples

    def read(self, start: int, stop: int) -> Floats:
        """Return the samples from `start` to before `stop`, `(n, leads)`, mV.

        Missing samples and time between records are NaN.

        Raises:
            RecordError: The file was cut off meanwhile.
        """
        found = np.full((stop - start, len(self.leads)), np.nan)
        for block in self.blocks(start, stop):
            begin = block.start - start
            inside = slice(max(0, begin), min(stop - start, begin + block.length))
            taken = slice(inside.start - begin, inside.stop - begin)
            for i, data in enumerate(self._load(block)[1]):
                raw = _decoded(data, self.layout.kind)[taken]
                found[inside, i] = self._millivolts(raw, i)
        return found

    def largest(self, signal: Samples) -> list[float]:
        """Return the largest absolute value of each lead inside the records, in its unit.

        Args:
            signal: `(samples, leads)`, mV.
        """
        scales = np.asarray(self.scales)
        return largest(self._taken(signal, each) / scales for each in self.blocks(0, self.length))

    def write(self, path: Path, signal: Samples, limits: Sequence[float]) -> None:
        """Write other samples into a file of the same layout; its other bytes are kept.

        Args:
            path: The file, a copy of the layout's, or the same.
            signal: `(samples, leads)`, mV; samples after its end become missing.
            limits: The physical value of each lead that the largest sample stands for.

        Raises:
            RecordError: The layout's file was cut off meanwhile.
        """
        kind = self.layout.kind
        with path.open("r+b") as file:
            for block in self.blocks(0, self.length):
                loaded, leads = self._load(block)
                values = self._taken(signal, block) / np.asarray(self.scales)
                for lead, limit, data in zip(values.T, limits, leads, strict=True):
                    digital = _digital(lead, limit, kind).reshape(len(data), -1)
                    data[:] = _encoded(digital, kind)
                for place, changed in loaded:
                    file.seek(self.layout.header_bytes + place)
                    file.write(changed.data)

    def blocks(self, start: int, stop: int) -> Iterator[Block]:
        """Yield blocks of bounded size with all samples from `start` to before `stop`."""
        length, bytes_each = self.leads[0].samples, self.layout.record_bytes
        first = int(np.searchsorted(self.at, start - length, "right"))
        last = int(np.searchsorted(self.at, stop))
        if self._is_long:
            for record in range(first, last):
                yield from self._parts(record, start, stop)
            return
        fitting = min(_most_bytes() // bytes_each, samples.PIECE // (len(self.leads) * length))
        while first < last:
            run = int(self._run_ends[np.searchsorted(self._run_ends, first, "right")])
            end = min(last, first + max(1, fitting), run)
            yield Block(first, end, slice(0, length), int(self.at[first]))
            first = end

    def _parts(self, record: int, start: int, stop: int) -> Iterator[Block]:
        """Yield the parts of a record that is too long to be read at once."""
        at, step = int(self.at[record]), max(1, samples.PIECE // len(self.leads))
        end = min(self.leads[0].samples, stop - at)
        for low in range(max(0, start - at), end, step):
            yield Block(record, record + 1, slice(low, min(low + step, end)), at + low)

    @property
    def _is_long(self) -> bool:
        return self.layout.record_bytes > _most_bytes()

    @cached_property
    def _run_ends(self) -> NDArray[np.int64]:
        """The records that time comes before, and the number of records."""
        breaks = np.flatnonzero(np.diff(self.at) != self.leads[0].samples) + 1
        return np.append(breaks, len(self.at))

    def _load(self, block: Block) -> tuple[list[tuple[int, Bytes]], list[Bytes]]:
        """Read a block.

        Returns:
            Places (bytes of the data) and contents of what was read; and views of each lead's
            bytes in them, `(records, bytes)`.
        """
        layout, records = self.layout, block.last - block.first
        first = block.first * layout.record_bytes
        if not self._is_long:
            data = layout.data(first, records * layout.record_bytes).reshape(records, -1)
            return [(first, data)], [layout.bytes_of(data, lead) for lead in self.leads]
        width = layout.kind.width
        places = [first + lead.offset + block.part.start * width for lead in self.leads]
        parts = [layout.data(place, block.length * width).reshape(1, -1) for place in places]
        return list(zip(places, parts, strict=True)), parts

    def _taken(self, signal: Samples, block: Block) -> NDArray[Any]:
        """Return a block's samples of a signal, NaN after the signal's end."""
        found = signal[block.start : block.start + block.length]
        if len(found) == block.length:
            return found
        padded = np.full((block.length, len(self.leads)), np.nan)
        padded[: len(found)] = found
        return padded

    def _millivolts(self, raw: NDArray[Any], i: int) -> Floats:
        """Return a lead's samples in mV, NaN where they are missing."""
        (low, high), (least, most) = self.leads[i].physical, self.leads[i].digital
        values: Floats = raw.astype(np.float64)
        values = (values - least) * ((high - low) / (most - least)) + low
        lowest = -self.layout.kind.largest - 1
        if least > lowest:
            values[raw == lowest] = np.nan
        return values * self.scales[i]


def channel_bytes(layout: Layout, channel: EdfSignal) -> Iterator[bytes]:
    """Yield a channel's bytes in each data record."""
    size, bytes_each = channel.samples * layout.kind.width, layout.record_bytes
    step = _most_bytes() // bytes_each
    if not step:
        for record in range(layout.records):
            yield layout.data(record * bytes_each + channel.offset, size).tobytes()
        return
    for first in range(0, layout.records, step):
        count = min(step, layout.records - first)
        data = layout.data(first * bytes_each, count * bytes_each).reshape(count, bytes_each)
        joined = layout.bytes_of(data, channel).tobytes()
        for i in range(count):
            yield joined[i * size : (i + 1) * size]


def check_ranges(leads: Iterable[EdfSignal], path: Path) -> None:
    """Check that each lead has a physical and a digital range.

    Raises:
        RecordError: One has none.
    """
    for lead in leads:
        (low, high), (least, most) = lead.physical, lead.digital
        if most <= least or high == low:
            raise RecordError(
                f"{path.name}, channel {lead.label}: expected a physical and a digital range. "
                f"Received: {low:g} to {high:g} and {least} to {most}. Correct the header."
            )


def largest(pieces: Iterable[NDArray[Any]]) -> list[float]:
    """Return the largest absolute value of each lead in pieces `(n, leads)` of a signal."""
    found: list[float] = []
    for piece in pieces:
        found = found or [0.0] * piece.shape[1]
        for i, lead in enumerate(piece.T):
            found[i] = float(np.nanmax(np.abs(lead), initial=found[i]))
    return found


def physical_limit(value: float, path: Path) -> tuple[float, str]:
    """Return the end of a symmetric physical range, and its text of 7 letters.

    Args:
        value: The largest absolute value of the signal.
        path: The file, for errors.

    Raises:
        RecordError: It does not fit there.
    """
    reach = value * _HEADROOM
    decimals = 5 if reach <= 0 else max(0, min(5, 3 - floor(log10(reach))))
    limit = max(1, ceil(reach * 10**decimals)) / 10**decimals
    text = f"{limit:.{decimals}f}"
    if len(text) > 7:
        raise RecordError(
            f"{path.name}: its values reach {reach:g}, which does not fit into a header."
        )
    return float(text), text


def _most_bytes() -> int:
    """Return how many bytes of data records are read at once; as many as a piece of a signal."""
    return 8 * samples.PIECE


def _decoded(found: Bytes, kind: Kind) -> NDArray[Any]:
    """Return a channel's samples in their order."""
    if kind.width == 2:
        return np.ascontiguousarray(found).view("<i2").ravel()
    wide = np.zeros((found.size // 3, 4), np.uint8)
    wide[:, 1:] = found.reshape(-1, 3)
    return wide.view("<i4").ravel() >> 8


def _digital(values: NDArray[Any], limit: float, kind: Kind) -> NDArray[np.int32]:
    steps = np.round(values * (kind.largest / limit))
    filled: NDArray[Any] = np.where(np.isnan(steps), -kind.largest - 1, steps)
    return filled.astype(np.int32)


def _encoded(digital: NDArray[np.int32], kind: Kind) -> Bytes:
    """Return samples `(records, samples)` as bytes `(records, bytes)`."""
    little = np.ascontiguousarray(digital.astype("<i4")).view(np.uint8)
    return little.reshape(*digital.shape, 4)[:, :, : kind.width].reshape(len(digital), -1)
