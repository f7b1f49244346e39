"""Reading of WFDB records as stored: signals in ADC units at their own rates, segments joined."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import wfdb

from ecgmodel.errors import MissingFileError, RecordError
from ecgmodel.support.units import millivolts, plain_unit

_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?")
_LINE_ENDS = re.compile(r"\r\n|[\n\r\x0b\x0c\x1c-\x1e]")
_NULL = "~"  # the name of a segment that is a gap


@dataclass(frozen=True)
class Channel:
    """A signal of a record.

    Attributes:
        name: Its unique name.
        unit: Its unit; "uV" for every spelling of microvolt.
        gain: ADC units per physical unit, None if the header gives none (wfdb would assume 200).
        baseline: The ADC value of 0 physical units; fractional if estimated.
        bits: The ADC resolution, bits; 0 if not stated.
        zero: The ADC zero, in the middle of its range; None if not stated.
        per_frame: Samples per frame.
        digital: `(frames * per_frame,)` float64, ADC units, NaN where a sample is missing.
    """

    name: str
    unit: str
    gain: float | None
    baseline: float
    bits: int
    zero: int | None
    per_frame: int
    digital: np.ndarray

    @property
    def mv_per_unit(self) -> float | None:
        """Its unit in mV, None if it is not a voltage."""
        return millivolts(self.unit)


@dataclass(frozen=True)
class StoredRecord:
    """A record.

    Attributes:
        name: Its name in errors.
        frame_fs: Frame rate, Hz.
        frames: Number of frames that were read.
        channels: Its signals.
        base_time: Start time, None if not stated.
        base_date: Start date, None if not stated.
        counter: Counter frequency and base counter value as in the header, e.g. "1000(5)"; "" if
            not stated.
        comments: Comment lines of the header, with their "#".
    """

    name: str
    frame_fs: float
    frames: int
    channels: tuple[Channel, ...]
    base_time: time | None
    base_date: date | None
    counter: str
    comments: tuple[str, ...]


class _Text(NamedTuple):
    """A header's lines, with non-ASCII characters."""

    lines: list[str]
    comments: list[str]


def read_header(path: Path, name: str) -> wfdb.Record | wfdb.MultiRecord:
    """Return a record's header.

    Raises:
        MissingFileError: There is no header.
        RecordError: The header cannot be parsed, or describes no signal.
    """
    try:
        header = wfdb.rdheader(str(path))
    except FileNotFoundError as error:
        raise MissingFileError(f"{name}: the header {path}.hea is missing.") from error
    except Exception as error:  # wfdb raises various errors on malformed headers
        raise RecordError(
            f"{name}: {path}.hea cannot be read as a WFDB header ({error}). Correct it or leave "
            "the record out."
        ) from error
    simple = isinstance(header, wfdb.Record)
    described = len(header.file_name or ()) if simple else header.n_sig
    if not header.n_sig or described != header.n_sig or not header.fs or header.fs <= 0:
        raise RecordError(
            f"{name}: the header {path}.hea declares {header.n_sig} signals at {header.fs} Hz and "
            f"describes {described}. Expected at least one signal, all described, and a positive "
            "rate. Correct the header or leave the record out."
        )
    return header


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
    header = read_header(path, name)
    first, last = _range(header, name, start_s, seconds)
    if isinstance(header, wfdb.MultiRecord):
        channels = _read_segments(path, name, header, first, last)
    else:
        channels = _read_simple(path, name, header, first, last)
    frames = len(channels[0].digital) // channels[0].per_frame
    if not frames:
        raise RecordError(f"{name} contains no samples. Leave the record out.")
    text = _text(path)
    return StoredRecord(
        name=name,
        frame_fs=float(header.fs),
        frames=frames,
        channels=tuple(
            replace(channel, name=lead)
            for channel, lead in zip(channels, unique([c.name for c in channels]), strict=True)
        ),
        base_time=header.base_time,
        base_date=header.base_date,
        counter="".join(text.lines[0].split()[2:3]).partition("/")[2],
        comments=tuple(text.comments),
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


def _read_simple(
    path: Path, name: str, header: wfdb.Record, first: int, last: int | None
) -> list[Channel]:
    """Read a single-segment record, with the skew of its signals removed."""
    skews = [skew or 0 for skew in header.skew]
    end = last if last is None else min(last + max(skews), header.sig_len or last)
    # wfdb reads format 61 only with smooth_frames, which averages the samples of a frame.
    smooth = all((count or 1) == 1 for count in header.samps_per_frame)
    try:  # Skew is removed below: wfdb pads signals with several samples per frame with zeros.
        record = wfdb.rdrecord(
            str(path),
            sampfrom=first,
            sampto=end,
            physical=False,
            smooth_frames=smooth,
            ignore_skew=True,
        )
    except FileNotFoundError as error:
        raise MissingFileError(f"{name}: a signal file is missing ({error}).") from error
    except Exception as error:  # wfdb raises various errors on damaged files
        raise RecordError(
            f"{name}: header and data disagree ({error}). Download the record again."
        ) from error
    digital = list(record.d_signal.T) if smooth else record.e_d_signal
    physical = record.dac().T if smooth else record.dac(expanded=True)
    if header.sig_len == record.sig_len:
        _check_sums(name, header.checksum, digital)
    frames = record.sig_len if last is None else last - first
    found = _described(path, record)
    for i, channel in enumerate(found):
        samples = digital[i].astype(np.float64)
        samples[np.isnan(physical[i])] = np.nan
        moved = samples[skews[i] * channel.per_frame :][: frames * channel.per_frame]
        rest = frames * channel.per_frame - len(moved)
        found[i] = replace(channel, digital=np.pad(moved, (0, rest), constant_values=np.nan))
    return found


def _check_sums(name: str, sums: Sequence[int | None], digital: Sequence[np.ndarray]) -> None:
    """Compare the header's checksums with the stored samples."""
    for index, (stated, samples) in enumerate(zip(sums, digital, strict=True)):
        found = int(samples.sum(dtype=np.int64))
        if stated is not None and (int(stated) - found) % 65536:
            raise RecordError(
                f"{name}: header and data disagree. Signal {index} has the checksum "
                f"{found % 65536}, its header states {int(stated) % 65536}. Download the record "
                "again."
            )


def _read_segments(
    path: Path, name: str, header: wfdb.MultiRecord, first: int, last: int | None
) -> list[Channel]:
    """Read the segments of a record and join them.

    A record with a variable layout starts with a layout header that lists all leads; a lead is
    missing in segments without it. With a fixed layout all segments have the same leads.
    """
    ends = np.cumsum(header.seg_len).tolist()
    length = ends[-1] if header.sig_len is None else header.sig_len
    if length > ends[-1] or first >= length:
        raise RecordError(
            f"{name}: header and data disagree. Expected segments of {length} samples in total. "
            f"Received: {ends[-1]}. Download the record again."
        )
    last = min(length, last or length)
    variable = header.seg_len[0] == 0  # the layout header has no samples
    parts: list[tuple[str, int, list[Channel]]] = []
    for segment, count, end in zip(header.seg_name, header.seg_len, ends, strict=True):
        start = end - count
        if segment != _NULL and start < last and first < end:
            simple = _segment_header(path, segment, name, header)
            place, stop = max(first - start, 0), min(last, end) - start
            channels = _read_simple(path.with_name(segment), name, simple, place, stop)
            if not variable and len(channels) != header.n_sig:
                raise RecordError(
                    f"{name}: expected {header.n_sig} signals in segment {segment}. Received: "
                    f"{len(channels)}. Download the record again."
                )
            parts.append((segment, start + place - first, channels))
    if variable:
        layout = _described(
            path.with_name(header.seg_name[0]),
            _segment_header(path, header.seg_name[0], name, header),
        )
        return [
            _joined(name, channel, _of_name(parts, channel.name), last - first)
            for channel in layout
        ]
    if not parts:
        raise RecordError(f"{name} contains no samples. Leave the record out.")
    return [
        _joined(name, channel, [(s, at, part[i]) for s, at, part in parts], last - first)
        for i, channel in enumerate(parts[0][2])
    ]


def _of_name(
    parts: list[tuple[str, int, list[Channel]]], lead: str
) -> list[tuple[str, int, Channel]]:
    """Return a lead's pieces from the segments that contain it."""
    named = ((s, at, [c for c in part if c.name == lead]) for s, at, part in parts)
    return [(segment, at, found[0]) for segment, at, found in named if found]


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


def _joined(
    name: str, described: Channel, pieces: list[tuple[str, int, Channel]], frames: int
) -> Channel:
    """Return a signal joined from its segments.

    Args:
        name: The record's name in errors.
        described: The signal of the layout header, used if no segment contains it.
        pieces: Segment, first frame and samples of each piece.
        frames: The record's length.

    Raises:
        RecordError: Segments differ in unit, gain, baseline or samples per frame.
    """
    known = pieces[0][2] if pieces else described
    digital = np.full(frames * known.per_frame, np.nan)
    for segment, at, channel in pieces:
        for field in ("unit", "gain", "baseline", "per_frame"):
            one, other = getattr(known, field), getattr(channel, field)
            if one != other:
                raise RecordError(
                    f"{name}, lead {known.name}: {field} differs between the segments "
                    f"{pieces[0][0]} ({one}) and {segment} ({other}). Save them as separate "
                    "records."
                )
        place = at * known.per_frame
        digital[place : place + len(channel.digital)] = channel.digital
    return replace(known, digital=digital)


def _described(path: Path, record: wfdb.Record) -> list[Channel]:
    """Return a record's signals as described by its header, without samples.

    Args:
        path: The record's path without suffix.
        record: Its header as parsed by wfdb, which drops non-ASCII characters.
    """
    channels = []
    for i, line in enumerate(_text(path).lines[1:]):
        words = re.split(r"[ \t]+", line.strip(), maxsplit=8)
        gain = words[2] if len(words) > 2 else ""
        number = _NUMBER.match(gain)
        unit = (record.units[i] if gain.isascii() else gain.partition("/")[2]) or "mV"
        name = record.sig_name[i] or ""
        full = words[8].strip() if len(words) > 8 else name
        channels.append(
            Channel(
                name=full if _ascii(full).strip() == name else name,
                unit=(plain_unit(unit) or unit) if millivolts(unit) else unit,
                gain=float(number.group()) if number else None,
                baseline=int(record.baseline[i]),
                bits=record.adc_res[i] or 0,
                zero=record.adc_zero[i],
                per_frame=record.samps_per_frame[i] or 1,
                digital=np.empty(0),
            )
        )
    return channels


def _text(path: Path) -> _Text:
    """Return a header's decoded lines, without empty ones."""
    content = path.with_name(f"{path.name}.hea").read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    lines = [line.strip() for line in _LINE_ENDS.split(text) if _ascii(line).strip()]
    is_comment = [_ascii(line).lstrip().startswith("#") for line in lines]
    return _Text(
        [line for line, is_one in zip(lines, is_comment, strict=True) if not is_one],
        [line for line, is_one in zip(lines, is_comment, strict=True) if is_one],
    )


def _ascii(text: str) -> str:
    return text.encode("ascii", "ignore").decode()


def unique(names: Sequence[str]) -> list[str]:
    """Return a unique name per lead; missing and duplicate names get the lead's number."""
    given = [name or f"lead{i + 1}" for i, name in enumerate(names)]
    numbered = [f"{name}_{i + 1}" for i, name in enumerate(given)]
    found = [n if given.count(n) == 1 else numbered[i] for i, n in enumerate(given)]
    return found if len(set(found)) == len(found) else numbered
