"""What a WFDB record stores: each signal's samples at its own rate, with gaps, segments joined."""

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
_NULL = "~"  # a segment that is a gap


@dataclass(frozen=True)
class Channel:
    """A signal of a record.

    Attributes:
        name: Its name, made unique.
        unit: Its unit, "uV" for all ways to write microvolts.
        gain: Converter steps a unit, None where the header gives none; wfdb would assume 200.
        baseline: The step that is 0; between two steps where it was estimated.
        bits: The converter's resolution, 0 if not stated.
        zero: The middle of the converter's range, None if not stated.
        per_frame: Samples in a frame.
        steps: `(frames * per_frame,)` float64, converter steps, NaN where a sample is missing.
    """

    name: str
    unit: str
    gain: float | None
    baseline: float
    bits: int
    zero: int | None
    per_frame: int
    steps: np.ndarray

    @property
    def mv_per_unit(self) -> float | None:
        """How many mV its unit is, None if it is no voltage."""
        return millivolts(self.unit)


@dataclass(frozen=True)
class StoredRecord:
    """A record.

    Attributes:
        name: What it is called in errors.
        frame_fs: Frames a second, Hz.
        frames: How many were read.
        channels: Its signals.
        base_time: The time of its start, None if not stated.
        base_date: The date of its start, None if not stated.
        counter: The header's counter frequency and base counter value as written, e.g. "1000(5)";
            "" where there is none.
        comments: The header's lines of comments, with their "#".
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
    """A header's lines with all their letters."""

    lines: list[str]
    comments: list[str]


def read_header(path: Path, name: str) -> wfdb.Record | wfdb.MultiRecord:
    """Return a record's header.

    Raises:
        MissingFileError: There is none.
        RecordError: It cannot be read, or describes no signal.
    """
    try:
        header = wfdb.rdheader(str(path))
    except FileNotFoundError as error:
        raise MissingFileError(f"{name}: there is no header {path}.hea.") from error
    except Exception as error:  # wfdb raises whatever its parsing runs into
        raise RecordError(f"{name}: header {path}.hea cannot be read ({error}).") from error
    simple = isinstance(header, wfdb.Record)
    described = len(header.file_name or ()) if simple else header.n_sig
    if not header.n_sig or described != header.n_sig or not header.fs or header.fs <= 0:
        raise RecordError(
            f"{name}: header {path}.hea declares {header.n_sig} signals at {header.fs} Hz and "
            f"describes {described}; expected at least one signal at a positive rate."
        )
    return header


def read_stored_record(
    path: Path, name: str, start_s: float = 0.0, seconds: float | None = None
) -> StoredRecord:
    """Read a record's signals as they are stored.

    Args:
        path: The record's path without suffix.
        name: What to call it in errors, e.g. "mitdb/100".
        start_s: Where to start, s.
        seconds: How much to read, s; None reads to the end.

    Raises:
        MissingFileError: A file of the record is not there.
        RecordError: Header and data disagree, or segments count differently.
    """
    header = read_header(path, name)
    first, last = _range(header, name, start_s, seconds)
    if isinstance(header, wfdb.MultiRecord):
        channels = _read_segments(path, name, header, first, last)
    else:
        channels = _read_simple(path, name, header, first, last)
    frames = len(channels[0].steps) // channels[0].per_frame
    if not frames:
        raise RecordError(f"{name} holds no samples. Leave the record out.")
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
    """Return the first frame to read and the one after the last, None for the end."""
    first = round(start_s * header.fs)
    length = header.sig_len
    if length is not None and (length == 0 or first >= length):
        raise RecordError(
            f"{name} holds {length} samples ({length / header.fs:.1f} s); "
            f"nothing is left from {start_s:g} s on. Choose an earlier resample.start_s."
        )
    if seconds is None:
        return first, None
    last = first + int(np.ceil(seconds * header.fs))
    return first, last if length is None else min(last, length)


def _read_simple(
    path: Path, name: str, header: wfdb.Record, first: int, last: int | None
) -> list[Channel]:
    """Read a record of one segment, its signals shifted to the same time."""
    skews = [skew or 0 for skew in header.skew]
    end = last if last is None else min(last + max(skews), header.sig_len or last)
    # wfdb reads format 61 only so, and with several samples a frame it would mean over them.
    smooth = all((count or 1) == 1 for count in header.samps_per_frame)
    try:  # Shifted here: wfdb fills up with zeros what has several samples a frame.
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
    except Exception as error:  # wfdb raises whatever its parsing runs into
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
        steps = digital[i].astype(np.float64)
        steps[np.isnan(physical[i])] = np.nan
        moved = steps[skews[i] * channel.per_frame :][: frames * channel.per_frame]
        rest = frames * channel.per_frame - len(moved)
        found[i] = replace(channel, steps=np.pad(moved, (0, rest), constant_values=np.nan))
    return found


def _check_sums(name: str, sums: Sequence[int | None], digital: Sequence[np.ndarray]) -> None:
    """Compare the header's checksums with all samples that are stored."""
    for index, (stated, samples) in enumerate(zip(sums, digital, strict=True)):
        found = int(samples.sum(dtype=np.int64))
        if stated is not None and (int(stated) - found) % 65536:
            raise RecordError(
                f"{name}: signal {index} has checksum {found % 65536}, its header states "
                f"{int(stated) % 65536}: header and data disagree. Download the record again."
            )


def _read_segments(
    path: Path, name: str, header: wfdb.MultiRecord, first: int, last: int | None
) -> list[Channel]:
    """Read the segments of a record as one.

    Where leads come and go, the first header names them all; without it all segments have the
    same. What a segment does not have is missing there.
    """
    ends = np.cumsum(header.seg_len).tolist()
    length = ends[-1] if header.sig_len is None else header.sig_len
    if length > ends[-1] or first >= length:
        raise RecordError(
            f"{name}: header and data disagree. Expected segments of {length} samples. Received: "
            f"{ends[-1]}. Download the record again."
        )
    last = min(length, last or length)
    comes_and_goes = header.seg_len[0] == 0  # as the first header, of no samples, says
    parts: list[tuple[str, int, list[Channel]]] = []
    for segment, count, end in zip(header.seg_name, header.seg_len, ends, strict=True):
        start = end - count
        if segment != _NULL and start < last and first < end:
            simple = _segment_header(path, segment, name, header)
            place, stop = max(first - start, 0), min(last, end) - start
            channels = _read_simple(path.with_name(segment), name, simple, place, stop)
            if not comes_and_goes and len(channels) != header.n_sig:
                raise RecordError(
                    f"{name}: expected {header.n_sig} signals in segment {segment}. Received: "
                    f"{len(channels)}. Download the record again."
                )
            parts.append((segment, start + place - first, channels))
    if comes_and_goes:
        layout = _described(
            path.with_name(header.seg_name[0]),
            _segment_header(path, header.seg_name[0], name, header),
        )
        return [
            _joined(name, channel, _of_name(parts, channel.name), last - first)
            for channel in layout
        ]
    if not parts:
        raise RecordError(f"{name} holds no samples. Leave the record out.")
    return [
        _joined(name, channel, [(s, at, part[i]) for s, at, part in parts], last - first)
        for i, channel in enumerate(parts[0][2])
    ]


def _of_name(
    parts: list[tuple[str, int, list[Channel]]], lead: str
) -> list[tuple[str, int, Channel]]:
    """Return a lead's stretches in the segments that have it."""
    named = ((s, at, [c for c in part if c.name == lead]) for s, at, part in parts)
    return [(segment, at, found[0]) for segment, at, found in named if found]


def _segment_header(path: Path, segment: str, name: str, header: wfdb.MultiRecord) -> wfdb.Record:
    """Return a segment's header.

    Raises:
        RecordError: It is of another rate than the record, or made of segments itself.
    """
    found = read_header(path.with_name(segment), name)
    if isinstance(found, wfdb.MultiRecord) or found.fs != header.fs:
        raise RecordError(
            f"{name}: expected of segment {segment} a simple record at {header.fs} Hz. Received: "
            f"one at {found.fs} Hz or of segments. Correct its header."
        )
    return found


def _joined(
    name: str, described: Channel, stretches: list[tuple[str, int, Channel]], frames: int
) -> Channel:
    """Return a signal of a record of segments.

    Args:
        name: What to call the record in errors.
        described: The signal as the layout describes it, for one that no segment has.
        stretches: Segment, first frame and samples of each of its stretches.
        frames: The record's length.

    Raises:
        RecordError: Segments count differently.
    """
    known = stretches[0][2] if stretches else described
    steps = np.full(frames * known.per_frame, np.nan)
    for segment, at, channel in stretches:
        for field in ("unit", "gain", "baseline", "per_frame"):
            one, other = getattr(known, field), getattr(channel, field)
            if one != other:
                raise RecordError(
                    f"{name}, lead {known.name}: {field} differs between the segments "
                    f"{stretches[0][0]} and {segment}: {one} and {other}. Make records of their "
                    "own of them."
                )
        place = at * known.per_frame
        steps[place : place + len(channel.steps)] = channel.steps
    return replace(known, steps=steps)


def _described(path: Path, record: wfdb.Record) -> list[Channel]:
    """Return a record's signals as its header describes them, without samples.

    Args:
        path: The record's path without suffix.
        record: Its header as wfdb reads it, which drops all letters beyond ASCII.
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
                steps=np.empty(0),
            )
        )
    return channels


def _text(path: Path) -> _Text:
    """Return a header's lines, decoded; those that are empty are left out."""
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
    """Return one name a lead; those that are missing or come twice get their number."""
    given = [name or f"lead{i + 1}" for i, name in enumerate(names)]
    numbered = [f"{name}_{i + 1}" for i, name in enumerate(given)]
    found = [n if given.count(n) == 1 else numbered[i] for i, n in enumerate(given)]
    return found if len(set(found)) == len(found) else numbered
