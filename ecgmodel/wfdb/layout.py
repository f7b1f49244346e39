"""The layout of a WFDB record's files: names, sizes, and byte ranges of samples."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgmodel.errors import MissingFileError, RecordError
from ecgmodel.wfdb.headers import Parsed, parse_header
from ecgmodel.wfdb.names import safe_name

# Format -> (samples per block, bytes per block, bytes of the first n samples of a block).
# Formats: https://physionet.org/physiotools/wag/signal-5.htm. A file's last block may be padded.
_BLOCKS: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "8": (1, 1, (0,)),
    "80": (1, 1, (0,)),
    "16": (1, 2, (0,)),
    "61": (1, 2, (0,)),
    "160": (1, 2, (0,)),
    "24": (1, 3, (0,)),
    "32": (1, 4, (0,)),
    "212": (2, 3, (0, 2)),
    "310": (3, 4, (0, 2, 4)),
    "311": (3, 4, (0, 2, 3)),
}
# Format 8 stores differences, so a cut cannot be decoded without the preceding samples; wfdb does
# not return the digital samples of format 61, which the checksums of a cut need.
_CUTTABLE = frozenset(_BLOCKS) - {"8", "61"}


@dataclass(frozen=True)
class SignalFile:
    """A file of samples.

    Attributes:
        name: Its name.
        fmt: Its WFDB format, e.g. "212".
        frame: Samples per frame, over all its signals.
        offset: Bytes before the first sample.
    """

    name: str
    fmt: str
    frame: int
    offset: int

    def sizes(self, frames: int) -> range:
        """Return the possible sizes, bytes, of the file with that many frames."""
        samples, size, _ = _BLOCKS[self.fmt]
        blocks = -(-frames * self.frame // samples)
        return range(self._end(frames), self.offset + blocks * size + 1)

    def span(self, first: int, end: int) -> tuple[int, int]:
        """Return the first and last byte of the frames from `first` to before `end`.

        `first` must be at the start of a block, see `alignment`.
        """
        return self._end(first), self._end(end) - 1

    def frames(self, size: int) -> int:
        """Return the number of complete frames in a file of that many bytes."""
        samples, block, rest = _BLOCKS[self.fmt]
        blocks, left = divmod(max(size - self.offset, 0), block)
        more = max(n for n, needed in enumerate(rest) if needed <= left)
        return (blocks * samples + more) // self.frame

    @property
    def alignment(self) -> int:
        """The number of frames between frames that start a block."""
        samples = _BLOCKS[self.fmt][0]
        return samples // math.gcd(samples, self.frame)

    @property
    def known(self) -> bool:
        """Whether the format has a fixed size per sample; compressed formats have not."""
        return self.fmt in _BLOCKS

    def _end(self, frames: int) -> int:
        samples, size, rest = _BLOCKS[self.fmt]
        blocks, more = divmod(frames * self.frame, samples)
        return self.offset + blocks * size + rest[more]


@dataclass(frozen=True)
class Header:
    """A record's header.

    Attributes:
        record: The record's name, for errors.
        path: The header file.
        fs: Frame rate, Hz.
        length: Frames in the record, None if the header does not state it.
        files: Its signal files; empty for a multi-segment record.
        segments: Its segments; empty for a single-segment record.
        skewed: Whether the signals are skewed (stored with different delays).
        parsed: The parsed header.
    """

    record: str
    path: Path
    fs: float
    length: int | None
    files: tuple[SignalFile, ...]
    segments: tuple[str, ...]
    skewed: bool
    parsed: Parsed

    @property
    def wfdb(self) -> Any:
        """The fields as parsed by wfdb."""
        return self.parsed.wfdb

    @property
    def is_multi(self) -> bool:
        """Whether the record has segments."""
        return getattr(self.wfdb, "seg_name", None) is not None

    def check_start(self, start_s: float, length: int | None) -> None:
        """Raise RecordError if the record, `length` frames long, ends before `start_s`."""
        if length is not None and (length == 0 or round(start_s * self.fs) >= length):
            raise RecordError(
                f"Record {self.record} holds {length} samples ({length / self.fs:.1f} s), so there "
                f"is nothing from {start_s:g} s on. Choose an earlier start or leave it out."
            )

    def cut(self, start_s: float, seconds: float) -> Cut | None:
        """Return the frames to fetch for a time range, None if whole files must be fetched.

        The cut starts up to two frames early if a frame does not start at a byte boundary.

        Raises:
            RecordError: The record ends before `start_s`.
        """
        self.check_start(start_s, self.length)
        simple = self.files and not self.skewed and all(f.fmt in _CUTTABLE for f in self.files)
        if not simple or not self.length:
            return None
        start = round(start_s * self.fs)
        wanted = seconds * self.fs
        # Rounded first, so that 650000 / 360 * 360 does not become 650001.
        end = self.length if wanted > self.length else start + math.ceil(round(wanted, 6))
        end = min(end, self.length)
        start -= start % math.lcm(*(file.alignment for file in self.files))
        return Cut(start, end) if end - start < self.length else None


@dataclass(frozen=True)
class Cut:
    """The range of a record's frames from `first` to before `end`."""

    first: int
    end: int


def read_header(path: Path, record: str) -> Header:
    """Read a header file.

    Args:
        path: The file, with its suffix.
        record: The record's name, for errors.

    Raises:
        MissingFileError: There is no such file.
        RecordError: The header cannot be parsed, names files outside its folder, or describes no
            signal.
    """
    if not path.is_file():
        raise MissingFileError(f"Record {record}: the header {path} is missing.")
    parsed = parse_header(path, record)
    header = parsed.wfdb
    _check_names(parsed.text.lines, record)
    multi = getattr(header, "seg_name", None) is not None
    segments = tuple(s for s in header.seg_name if s != "~") if multi else ()
    named = 0 if multi else len(header.file_name or ())
    if not header.fs or header.fs <= 0 or not (segments or named == header.n_sig > 0):
        raise RecordError(
            f"Record {record}: the header {path} declares {header.n_sig} signals at {header.fs} Hz "
            f"and describes {named}. Expected at least one signal, all described, and a positive "
            "rate. Correct the header or leave the record out."
        )
    files = () if multi else _signal_files(header)
    skewed = not multi and any(header.skew)
    length = header.sig_len or (sum(header.seg_len) if multi else 0) or None
    return Header(record, path, float(header.fs), length, files, segments, skewed, parsed)


def check_sizes(header: Header, folder: Path) -> int | None:
    """Check the sizes of a header's signal files, and return the record's length in frames.

    Raises:
        MissingFileError: A signal file is missing.
        RecordError: Header and data disagree.
    """
    lengths = []
    for file in header.files:
        path = folder / file.name
        if not path.is_file():
            raise MissingFileError(f"Record {header.record}: the signal file {path} is missing.")
        if file.known:
            size = path.stat().st_size
            lengths.append(file.frames(size))
            if header.length:
                check_size(header, file, size)
    return header.length or min(lengths, default=None)


def check_size(header: Header, file: SignalFile, size: int) -> None:
    """Raise RecordError if a file's size, bytes, contradicts the header."""
    expected = file.sizes(header.length or 0)
    if size not in expected:
        raise RecordError(
            f"Record {header.record}: header and data disagree. {file.name} has {size} bytes, "
            f"expected {expected[0]} for {header.length} samples in format {file.fmt}. "
            "Download the record again or leave it out."
        )


def check_segment(master: Header, segment: Header) -> None:
    """Raise RecordError if a segment is itself a multi-segment record."""
    if segment.segments:
        raise RecordError(
            f"Record {master.record}: the segment {segment.path.name} is itself a multi-segment "
            "record. Expected a single-segment record. Leave the record out."
        )


def _signal_files(header: Any) -> tuple[SignalFile, ...]:
    """Return the distinct signal files of a header; "~" means no file."""
    rows: Iterable[tuple[str, str, int | None, int | None]] = zip(
        header.file_name, header.fmt, header.samps_per_frame, header.byte_offset, strict=True
    )
    found: dict[str, SignalFile] = {}
    for name, fmt, frame, offset in rows:
        before = found.get(name)
        samples = (before.frame if before else 0) + (frame or 1)
        found[name] = SignalFile(name, fmt, samples, before.offset if before else offset or 0)
    return tuple(file for name, file in found.items() if name != "~")


def _check_names(lines: Sequence[str], record: str) -> None:
    """Raise RecordError if a header names a file outside its folder."""
    for line in lines[1:]:
        safe_name(line.split()[0], f"file name in the header of record {record},")
