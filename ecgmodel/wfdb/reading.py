"""Reading of WFDB records as stored: signals in ADC units at their own rates, segments joined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import wfdb

from ecgmodel.errors import MissingFileError, RecordError
from ecgmodel.wfdb.channels import Channel, described, header_text, read_header, unique

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
        RecordError: Header and data disagree, or segments differ in gain, baseline or unit.
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
    header = read_header(path, name)
    first, last = _range(header, name, start_s, seconds)
    source: _File | _Segments
    if isinstance(header, wfdb.MultiRecord):
        source = _Segments(path, name, header, first, last)
    else:
        source = _File(path, name, header)
    frames = (source.frames if last is None else min(last, source.frames)) - first
    if frames <= 0:
        raise RecordError(f"{name} contains no samples. Leave the record out.")
    text = header_text(path)
    names = unique([channel.name for channel in source.channels])
    return StoredRecord(
        name=name,
        frame_fs=float(header.fs),
        frames=frames,
        channels=tuple(
            replace(channel, name=lead)
            for channel, lead in zip(source.channels, names, strict=True)
        ),
        base_time=header.base_time,
        base_date=header.base_date,
        counter="".join(text.lines[0].split()[2:3]).partition("/")[2],
        comments=tuple(text.comments),
        read=lambda start, stop: source.read(first + start, first + stop),
    )


def _range(
    header: wfdb.Record | wfdb.MultiRecord, name: str, start_s: float, seconds: float | None
) -> tuple[int, int | None]:
    """Return the first frame to read and the one after the last, None for the record's end."""
    first = round(start_s * header.fs)
    length = header.sig_len
    if length is not None and (length == 0 or first >= length):
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
        path: Its path without suffix.
        name: The record's name in errors.
        header: Its header.

    Attributes:
        channels: Its signals, without samples.
        frames: Its length.
    """

    def __init__(self, path: Path, name: str, header: wfdb.Record) -> None:
        self.channels = described(path, header)
        self._path, self._name, self._header = path, name, header
        self._skews = [skew or 0 for skew in header.skew]
        self._sums, self._summed = [0] * len(self.channels), 0
        self._whole: list[_Stored] | None = None
        if header.sig_len is None or _DIFFERENCES in header.fmt:
            self._whole = self._decoded(0, None)
            self.frames = len(self._whole[0].digital) // self.channels[0].per_frame
        else:
            self.frames = int(header.sig_len)

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

    def _decoded(self, first: int, last: int | None) -> list[_Stored]:
        # wfdb reads format 61 only with smooth_frames, which averages the samples of a frame.
        smooth = all(channel.per_frame == 1 for channel in self.channels)
        try:  # Skew is removed above: wfdb pads signals with several samples per frame with zeros.
            record = wfdb.rdrecord(
                str(self._path),
                sampfrom=first,
                sampto=last,
                physical=False,
                smooth_frames=smooth,
                ignore_skew=True,
            )
        except FileNotFoundError as error:
            raise MissingFileError(f"{self._name}: a signal file is missing ({error}).") from error
        except Exception as error:  # wfdb raises various errors on damaged files
            raise RecordError(
                f"{self._name}: header and data disagree ({error}). Download the record again."
            ) from error
        digital = list(record.d_signal.T) if smooth else record.e_d_signal
        physical = record.dac().T if smooth else record.dac(expanded=True)
        return [_Stored(d, np.isnan(p)) for d, p in zip(digital, physical, strict=True)]

    def _sum(self, first: int, last: int, stored: Sequence[_Stored]) -> None:
        """Add the samples that follow those added before, and compare the sums at the end."""
        if not first <= self._summed < last:
            return
        for i, channel in enumerate(self.channels):
            begin, end = (frame - first for frame in (self._summed, last))
            added = stored[i].digital[begin * channel.per_frame : end * channel.per_frame]
            self._sums[i] += int(added.sum(dtype=np.int64))
        self._summed = last
        if last == self._header.sig_len:
            _check_sums(self._name, self._header.checksum, self._sums)


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
        path: Its path without suffix.
        name: Its name in errors.
        header: Its header.
        first: The first frame that will be read; segments that end before it are not opened.
        last: The frame after the last that will be read, None for the end.

    Attributes:
        channels: Its signals, without samples.
        frames: Its length.

    Raises:
        RecordError: The segments disagree with the header, or with each other in unit, gain,
            baseline or samples per frame.
    """

    def __init__(
        self, path: Path, name: str, header: wfdb.MultiRecord, first: int, last: int | None
    ) -> None:
        ends = np.cumsum(header.seg_len).tolist()
        self.frames = ends[-1] if header.sig_len is None else header.sig_len
        if self.frames > ends[-1] or first >= self.frames:
            raise RecordError(
                f"{name}: header and data disagree. Expected segments of {self.frames} samples in "
                f"total. Received: {ends[-1]}. Download the record again."
            )
        last = min(self.frames, last or self.frames)
        variable = header.seg_len[0] == 0  # the layout header has no samples
        self._parts: list[_Segment] = []
        for segment, count, end in zip(header.seg_name, header.seg_len, ends, strict=True):
            if segment != _NULL and end - count < last and first < end:
                file = _File(
                    path.with_name(segment), name, _segment_header(path, segment, name, header)
                )
                if not variable and len(file.channels) != header.n_sig:
                    raise RecordError(
                        f"{name}: expected {header.n_sig} signals in segment {segment}. Received: "
                        f"{len(file.channels)}. Download the record again."
                    )
                self._parts.append(_Segment(segment, end - count, end, file))
        if variable:
            layout = header.seg_name[0]
            listed = described(path.with_name(layout), _segment_header(path, layout, name, header))
            self._places = [[_place(p.file, c.name) for p in self._parts] for c in listed]
        elif self._parts:
            listed = self._parts[0].file.channels
            self._places = [[i for _ in self._parts] for i in range(len(listed))]
        else:
            raise RecordError(f"{name} contains no samples. Leave the record out.")
        self.channels = [
            _common(name, channel, self._parts, places)
            for channel, places in zip(listed, self._places, strict=True)
        ]

    def read(self, first: int, last: int) -> list[np.ndarray]:
        """Return each signal from one frame to before another; as `_File.read`."""
        found = [np.full((last - first) * c.per_frame, np.nan) for c in self.channels]
        for k, part in enumerate(self._parts):
            start, stop = max(first, part.start), min(last, part.end)
            if start < stop:
                samples = part.file.read(start - part.start, stop - part.start)
                for signal, channel, places in zip(found, self.channels, self._places, strict=True):
                    place, at = places[k], (start - first) * channel.per_frame
                    if place is not None:
                        signal[at : at + len(samples[place])] = samples[place]
        return found


def _segment_header(path: Path, segment: str, name: str, header: wfdb.MultiRecord) -> wfdb.Record:
    """Return a segment's header.

    Raises:
        RecordError: Its rate differs from the record's, or it is itself a multi-segment record.
    """
    found = read_header(path.with_name(segment), name)
    if isinstance(found, wfdb.MultiRecord) or found.fs != header.fs:
        raise RecordError(
            f"{name}: expected the segment {segment} to be a single-segment record at {header.fs} "
            f"Hz. Received: a {'multi' if isinstance(found, wfdb.MultiRecord) else 'single'}-"
            f"segment record at {found.fs} Hz. Correct its header."
        )
    return found


def _place(file: _File, lead: str) -> int | None:
    """Return the index of a lead in a segment, None if the segment has none of this name."""
    return next((i for i, channel in enumerate(file.channels) if channel.name == lead), None)


def _common(
    name: str, listed: Channel, parts: Sequence[_Segment], places: Sequence[int | None]
) -> Channel:
    """Return a signal of a record as its segments describe it.

    Args:
        name: The record's name in errors.
        listed: The signal of the layout header, used if no segment contains it.
        parts: The segments.
        places: The signal's index in each segment, None where the segment does not contain it.

    Raises:
        RecordError: Segments differ in unit, gain, baseline or samples per frame.
    """
    pieces = [
        (part.name, part.file.channels[place])
        for part, place in zip(parts, places, strict=True)
        if place is not None
    ]
    known = pieces[0][1] if pieces else listed
    for segment, channel in pieces:
        for field in ("unit", "gain", "baseline", "per_frame"):
            one, other = getattr(known, field), getattr(channel, field)
            if one != other:
                raise RecordError(
                    f"{name}, lead {known.name}: {field} differs between the segments "
                    f"{pieces[0][0]} ({one}) and {segment} ({other}). Save them as separate "
                    "records."
                )
    return known
