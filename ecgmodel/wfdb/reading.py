"""Reading of WFDB records as stored: signals in ADC units at their own rates, segments joined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ecgmodel.errors import RecordError
from ecgmodel.wfdb.channels import Channel, described, unique
from ecgmodel.wfdb.decoding import decoded, is_missing
from ecgmodel.wfdb.joining import Common, common, listed, places_of
from ecgmodel.wfdb.layout import Header, check_sizes, read_header

_NULL = "~"  # the name of a segment that is a gap
_DIFFERENCES = "8"  # the format that stores differences between samples


@dataclass(frozen=True)
class StoredRecord:
    """A record.

    Attributes:
        name: Its name in errors.
        frame_fs: Frame rate, Hz.
        frames: Number of frames.
        channels: Its signals; without samples if the record was only opened.
        base_time: Start time, None if not stated.
        base_date: Start date, None if not stated.
        start: Start time and date as in the header, also if invalid; "" if not stated.
        counter: Counter frequency and base counter value as in the header, e.g. "1000(5)"; "" if
            not stated.
        comments: Comment lines of the header, with their "#".
        read: Reads the signals from one frame to before another, each as `Channel.digital`. A
            segment's checksums are compared when its last sample was read in order.
    """

    name: str
    frame_fs: float
    frames: int
    channels: tuple[Channel, ...]
    base_time: time | None
    base_date: date | None
    start: str
    counter: str
    comments: tuple[str, ...]
    read: Callable[[int, int], list[np.ndarray]]


def read_stored_record(
    path: Path, name: str, start_s: float = 0.0, seconds: float | None = None
) -> StoredRecord:
    """Read a record's signals in ADC units.

    Args:
        path: The record's path without suffix.
        name: The record's name in errors, e.g. "mitdb/100".
        start_s: Start, s.
        seconds: Duration, s; None reads to the end.

    Raises:
        MissingFileError: A file of the record is missing.
        RecordError: Header and data disagree, or the segments of a record do not fit together.
    """
    opened = open_stored_record(path, name, start_s, seconds)
    samples = opened.read(0, opened.frames)
    channels = zip(opened.channels, samples, strict=True)
    return replace(opened, channels=tuple(replace(c, digital=values) for c, values in channels))


def open_stored_record(
    path: Path, name: str, start_s: float = 0.0, seconds: float | None = None
) -> StoredRecord:
    """Read a record's headers; its samples are read when asked for, with the same errors.

    wfdb reads all formats from any frame on, compressed ones included. Two kinds of files are held
    in memory as a whole: those in format 8, which stores differences, and those whose header does
    not state their length.

    Args:
        path: As in `read_stored_record`.
        name: As in `read_stored_record`.
        start_s: As in `read_stored_record`.
        seconds: As in `read_stored_record`.

    Raises:
        MissingFileError: As in `read_stored_record`.
        RecordError: As in `read_stored_record`.
    """
    header = read_header(path.with_name(f"{path.name}.hea"), name)
    first, last = _range(header, name, start_s, seconds)
    source = _Segments(name, header, first, last) if header.is_multi else _File(name, header)
    frames = (source.frames if last is None else min(last, source.frames)) - first
    if frames <= 0:
        raise RecordError(f"{name} contains no samples. Leave the record out.")
    names = unique([channel.name for channel in source.channels])
    return StoredRecord(
        name=name,
        frame_fs=header.fs,
        frames=frames,
        channels=tuple(
            replace(channel, name=lead)
            for channel, lead in zip(source.channels, names, strict=True)
        ),
        base_time=header.wfdb.base_time,
        base_date=header.wfdb.base_date,
        start=header.parsed.start,
        counter=header.parsed.counter,
        comments=tuple(header.parsed.text.comments),
        read=lambda start, stop: source.read(first + start, first + stop),
    )


def _range(
    header: Header, name: str, start_s: float, seconds: float | None
) -> tuple[int, int | None]:
    """Return the first frame to read and the one after the last, None for the record's end."""
    first, length = round(start_s * header.fs), header.length
    if length is not None and first >= length:
        raise RecordError(
            f"{name} holds {length} samples ({length / header.fs:.1f} s), so there is nothing "
            f"from {start_s:g} s on. Choose an earlier resample.start_s."
        )
    if seconds is None:
        return first, None
    last = first + int(np.ceil(seconds * header.fs))
    return first, last if length is None else min(last, length)


class _Stored(NamedTuple):
    """A signal's samples in the order of its file, and which of them are missing."""

    digital: np.ndarray
    missing: np.ndarray


class _File:
    """The samples of a single-segment record.

    Args:
        name: The record's name in errors.
        header: Its header.

    Attributes:
        channels: Its signals, without samples.
        frames: Its length; that of its shortest signal file if the header does not state it.
    """

    def __init__(self, name: str, header: Header) -> None:
        self.channels = described(header.parsed)
        self._name, self._header, self._fields = name, header, header.wfdb
        self._skews = [skew or 0 for skew in self._fields.skew]
        self._sums, self._summed = [0] * len(self.channels), 0
        self._whole: list[_Stored] | None = None
        length = check_sizes(header, header.path.parent)
        if length is None:
            raise RecordError(
                f"{name}: its header does not state the length, which cannot be told from a file "
                f"in format {self._fields.fmt[0]}. State it in the header's first line."
            )
        self.frames = length
        if header.length is None or _DIFFERENCES in self._fields.fmt:
            self._whole = self._decoded(0, self.frames)

    def read(self, first: int, last: int) -> list[np.ndarray]:
        """Return each signal from one frame to before another, with its skew removed.

        Returns:
            ADC units, float64, NaN where a sample is missing and after the end.

        Raises:
            MissingFileError: A signal file is missing.
            RecordError: Header and data disagree.
        """
        if first >= min(last, self.frames):
            return [np.full(max(0, last - first) * c.per_frame, np.nan) for c in self.channels]
        stored = self._stored(first, min(last + max(self._skews), self.frames))
        self._sum(first, min(last, self.frames), stored)
        found = []
        for channel, skew, (digital, missing) in zip(
            self.channels, self._skews, stored, strict=True
        ):
            samples = digital.astype(np.float64)
            samples[missing] = np.nan
            length = (last - first) * channel.per_frame
            moved = samples[skew * channel.per_frame :][:length]
            rest = length - len(moved)
            found.append(np.pad(moved, (0, rest), constant_values=np.nan) if rest else moved)
        return found

    def _stored(self, first: int, last: int) -> list[_Stored]:
        if self._whole is None:
            return self._decoded(first, last)
        return [
            _Stored(*(v[first * c.per_frame : last * c.per_frame] for v in whole))
            for c, whole in zip(self.channels, self._whole, strict=True)
        ]

    def _decoded(self, first: int, last: int) -> list[_Stored]:
        found = decoded(self._fields, self._header.path.parent, self._name, first, last)
        return [_Stored(d, is_missing(d, f)) for d, f in zip(found, self._fields.fmt, strict=True)]

    def _sum(self, first: int, last: int, stored: Sequence[_Stored]) -> None:
        """Add the samples that follow those added before, and compare the sums at the end."""
        if not first <= self._summed < last:
            return
        for i, channel in enumerate(self.channels):
            begin, end = (frame - first for frame in (self._summed, last))
            added = stored[i].digital[begin * channel.per_frame : end * channel.per_frame]
            self._sums[i] += int(added.sum(dtype=np.int64))
        self._summed = last
        if last == self.frames:
            _check_sums(self._name, self._fields.checksum, self._sums)


def _check_sums(name: str, stated: Sequence[int | None], found: Sequence[int]) -> None:
    """Compare the header's checksums with the sums of the stored samples."""
    for index, (expected, total) in enumerate(zip(stated, found, strict=True)):
        if expected is not None and (int(expected) - total) % 65536:
            raise RecordError(
                f"{name}: header and data disagree. Signal {index} has the checksum "
                f"{total % 65536}, its header states {int(expected) % 65536}. Download the record "
                "again."
            )


class _Segment(NamedTuple):
    """A segment of a record.

    Attributes:
        name: Its name.
        start: The record's frame at which it starts.
        end: The record's frame after its last.
        file: Its samples.
    """

    name: str
    start: int
    end: int
    file: _File


class _Segments:
    """The samples of a multi-segment record.

    A record with a variable layout starts with a layout header that lists all leads; a lead is
    missing in segments without it. With a fixed layout all segments have the same leads.

    Args:
        name: Its name in errors.
        header: Its header.
        first: The first frame that will be read; segments that end before it are not opened.
        last: The frame after the last that will be read, None for the end.

    Attributes:
        channels: Its signals, without samples, with the finest unit of their segments.
        frames: Its length.

    Raises:
        RecordError: The segments disagree with the header, or do not fit together.
    """

    def __init__(self, name: str, header: Header, first: int, last: int | None) -> None:
        seg_names, lengths = header.wfdb.seg_name, header.wfdb.seg_len
        ends = np.cumsum(lengths).tolist()
        self.frames = header.length or 0
        if self.frames > ends[-1] or first >= self.frames:
            raise RecordError(
                f"{name}: header and data disagree. Expected segments of {self.frames} samples in "
                f"total. Received: {ends[-1]}. Download the record again."
            )
        last = min(self.frames, last or self.frames)
        self._parts: list[_Segment] = []
        for segment, count, end in zip(seg_names, lengths, ends, strict=True):
            if segment != _NULL and count and end - count < last and first < end:
                file = _File(name, _segment_header(header, segment, name))
                self._parts.append(_Segment(segment, end - count, end, file))
        parts = [(part.name, part.file.channels) for part in self._parts]
        layout = None  # a layout header has no samples
        if lengths[0] == 0 and seg_names[0] != _NULL:
            layout = described(_segment_header(header, seg_names[0], name).parsed)
        if not parts and not layout:
            raise RecordError(f"{name} contains no samples. Leave the record out.")
        found = listed(name, parts, layout, header.wfdb.n_sig)
        self._places = places_of(found, parts, by_name=layout is not None)
        self._common: list[Common] = [
            common(name, channel, parts, places)
            for channel, places in zip(found, self._places, strict=True)
        ]
        self.channels = [each.channel for each in self._common]

    def read(self, first: int, last: int) -> list[np.ndarray]:
        """Return each signal from one frame to before another; as `_File.read`."""
        found = [np.full((last - first) * c.per_frame, np.nan) for c in self.channels]
        for k, part in enumerate(self._parts):
            start, stop = max(first, part.start), min(last, part.end)
            if start >= stop:
                continue
            samples = part.file.read(start - part.start, stop - part.start)
            for signal, each, places in zip(found, self._common, self._places, strict=True):
                place, at = places[k], (start - first) * each.channel.per_frame
                if place is not None:
                    converted = each.converted(samples[place], part.file.channels[place])
                    signal[at : at + len(converted)] = converted
        return found


def _segment_header(header: Header, segment: str, name: str) -> Header:
    """Return a segment's header.

    Raises:
        RecordError: Its rate differs from the record's, or it is itself a multi-segment record.
    """
    found = read_header(header.path.with_name(f"{segment}.hea"), name)
    if found.is_multi or found.fs != header.fs:
        raise RecordError(
            f"{name}: expected the segment {segment} to be a single-segment record at "
            f"{header.wfdb.fs} Hz. Received: a {'multi' if found.is_multi else 'single'}-segment "
            f"record at {found.wfdb.fs} Hz. Correct its header."
        )
    return found
