"""ISHNE Holter: up to 12 leads of 16 bits over days, with a header of fixed size.

Layout: Badilini, "The ISHNE Holter Standard Output File Format", Ann. Noninvasive Electrocardiol.
3(3):263-266 (1998).
"""

from __future__ import annotations

import binascii
import shutil
import struct
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import HintNeededError, RecordError
from ecgmodel.files._channels import find_columns
from ecgmodel.files._ecg import Hints, Recording, check_rate, check_shape, header_rate_remark
from ecgmodel.files._lead_codes import distinct
from ecgmodel.files._limits import check_file
from ecgmodel.files._segments import Segment
from ecgmodel.support.samples import LazySamples, spans

LABEL = "ISHNE Holter"
SUFFIXES = (".ecg", ".ishne")
MAGIC = b"ISHNE1.0"
_CRC, _VARIABLE_SIZE, _SAMPLES, _VARIABLE_AT, _DATA_AT = 8, 10, 14, 18, 22
_DATE, _CLOCK, _COUNT, _CODES, _STEPS, _RATE = 138, 150, 156, 158, 206, 272
_FIXED = 522
_MOST_LEADS = 12
_MISSING = -32_768
# Codes 0 (unknown) and 1 (generic) name no lead.
_NAMES = {
    **dict(enumerate(("X", "Y", "Z", "I", "II", "III", "aVR", "aVL", "aVF"), 2)),
    **dict(enumerate(("V1", "V2", "V3", "V4", "V5", "V6", "ES", "AS", "AI"), 11)),
}


@dataclass(frozen=True)
class _File:
    """The header of a file.

    Attributes:
        path: The file.
        header: All bytes before the samples.
        names: Names of the leads.
        steps: Resolution of each lead, nV.
        fs: Sampling rate, Hz.
        length: Samples of each lead.
        remarks: Corrections.
    """

    path: Path
    header: bytes
    names: tuple[str, ...]
    steps: tuple[int, ...]
    fs: float
    length: int
    remarks: tuple[str, ...]

    def table(self, file: BinaryIO, start: int, stop: int) -> NDArray[np.int16]:
        """Return the numbers of all leads, `(n, leads)`.

        Raises:
            RecordError: The file was cut off meanwhile.
        """
        row = 2 * len(self.names)
        file.seek(len(self.header) + start * row)
        data = file.read((stop - start) * row)
        if len(data) != (stop - start) * row:
            raise RecordError(f"{self.path.name} was truncated while it was read. Try again.")
        return np.frombuffer(data, "<i2").reshape(-1, len(self.names))


def is_own(path: Path) -> bool:
    """Return whether a file begins as an ISHNE file."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def read(path: Path, hints: Hints) -> Recording:
    """Read a file; its samples are read when a piece of them is asked for.

    The number -32768 marks a missing sample.

    Raises:
        HintNeededError: A lead has no resolution.
        RecordError: The header is damaged.
    """
    file = _open(path)
    places, segments = _leads(file, hints)

    def piece(start: int, stop: int) -> NDArray[np.float64]:
        with path.open("rb") as opened:
            table = file.table(opened, start, stop)
        found = [_lead(each, table[:, i]) for i, each in zip(places, segments, strict=True)]
        return np.stack(found, axis=1)

    return Recording(
        signal=LazySamples((file.length, len(places)), piece),
        fs=file.fs,
        leads=tuple(segment.lead for segment in segments),
        adc_ranges=(None,) * len(places),
        other=tuple(name for i, name in enumerate(file.names) if i not in places),
        remarks=(*file.remarks, *header_rate_remark(file.fs, hints)),
        start=_start(file.header),
        hints=hints,
    )


def rewrite(source: Path, ecg: Recording, into: Path, comment: str) -> None:
    """Write a copy with other samples in the leads, piece by piece; all other bytes are kept.

    The comment joins the block of variable length, and the header's checksum is computed anew.
    """
    file = _open(source)
    places, segments = _leads(file, ecg.hints)
    check_shape(ecg, (file.length, len(places)), source)
    with source.open("rb") as old, (into / source.name).open("wb") as new:
        new.write(_header(file.header, comment))
        for part in spans((file.length, len(file.names))):
            table, signal = file.table(old, part.start, part.stop).copy(), ecg.signal[part]
            for column, (place, segment) in enumerate(zip(places, segments, strict=True)):
                lead = np.asarray(signal[:, column], np.float64)
                table[:, place] = segment.to_stored(lead, _MISSING, -_MISSING - 1, source)
            new.write(table.astype("<i2").tobytes())
        old.seek(len(file.header) + 2 * len(file.names) * file.length)
        shutil.copyfileobj(old, new)


def _open(path: Path) -> _File:
    size = check_file(path)
    with path.open("rb") as file:
        fixed = file.read(_FIXED)
        if len(fixed) < _FIXED or not fixed.startswith(MAGIC):
            raise _damaged(path, f"expected {MAGIC.decode()} and {_FIXED} bytes of header")
        (begin,) = struct.unpack_from("<i", fixed, _DATA_AT)
        (count,) = struct.unpack_from("<h", fixed, _COUNT)
        (rate,) = struct.unpack_from("<h", fixed, _RATE)
        if not _FIXED <= begin <= min(size, 2**24):
            raise _damaged(path, f"its samples begin at byte {begin:,} of {size:,}")
        if not 1 <= count <= _MOST_LEADS:
            raise _damaged(path, f"it states {count} leads, not 1 to {_MOST_LEADS}")
        header = fixed + file.read(begin - _FIXED)
    codes = struct.unpack_from(f"<{count}h", fixed, _CODES)
    names = distinct(_NAMES.get(code, f"lead {i + 1}") for i, code in enumerate(codes))
    length, remarks = _length(fixed, (size - begin) // 2, count)
    (stated,) = struct.unpack_from("<H", fixed, _CRC)
    if stated != _checksum(header):
        remarks = (*remarks, "the header's checksum does not match its content")
    if not length:
        raise RecordError(f"{path.name} contains no samples. Leave it out.")
    steps = struct.unpack_from(f"<{count}h", fixed, _STEPS)
    return _File(path, header, names, steps, check_rate(rate, path), length, remarks)


def _length(fixed: bytes, values: int, count: int) -> tuple[int, tuple[str, ...]]:
    """Return the samples of each lead, and remarks.

    The header states the samples of each lead or of all leads; programs disagree which.

    Args:
        fixed: The header.
        values: Samples of all leads in the file.
        count: Number of leads.
    """
    (stated,) = struct.unpack_from("<i", fixed, _SAMPLES)
    there = values // count
    if values in (stated, stated * count) and values == there * count:
        return there, ()
    for length in (stated, stated // count):
        if 0 < length <= there and stated in (length, length * count):
            return length, (f"{values - length * count:,} numbers after the stated end left out",)
    return there, (f"the header states {stated:,} samples, the file has {there:,} in each lead",)


def _leads(file: _File, hints: Hints) -> tuple[tuple[int, ...], list[Segment]]:
    """Return the indices of the leads, and each as a segment without samples.

    Raises:
        HintNeededError: A lead has no resolution.
    """
    every = tuple(range(len(file.names)))
    places = find_columns(file.names, hints.columns, file.path) if hints.columns else every
    segments = []
    for i in places:
        scale = file.steps[i] / 1e6 if file.steps[i] > 0 else hints.scale
        if scale is None and hints.gain is None:
            raise HintNeededError(
                "--gain",
                f"{file.path.name}, lead {file.names[i]}: expected a resolution above 0 nV. "
                f"Received: {file.steps[i]}. Give the ADC units per mV with --gain.",
            )
        scale = scale if scale is not None else 1 / (hints.gain or 1.0)
        empty = np.empty(0, np.int16)
        segments.append(Segment(file.names[i], file.fs, empty, scale, missing=_MISSING))
    return places, segments


def _lead(segment: Segment, numbers: NDArray[np.int16]) -> NDArray[np.float64]:
    found = numbers.astype(np.float64) * segment.scale
    found[numbers == _MISSING] = np.nan
    return found


def _header(header: bytes, comment: str) -> bytes:
    """Return a header with a comment at the end of its block of variable length."""
    made = bytearray(header)
    size, at = (
        struct.unpack_from("<i", header, place)[0] for place in (_VARIABLE_SIZE, _VARIABLE_AT)
    )
    end = at + size
    if comment and at == _FIXED and size >= 0 and end <= len(header):
        added = (
            f"\n{comment}".encode("ascii", "replace")
            if size
            else comment.encode("ascii", "replace")
        )
        made[end:end] = added
        struct.pack_into("<i", made, _VARIABLE_SIZE, size + len(added))
        struct.pack_into("<i", made, _DATA_AT, len(made))
        struct.pack_into("<H", made, _CRC, _checksum(made))
    return bytes(made)


def _checksum(header: bytes | bytearray) -> int:
    """Return the CRC-CCITT of all bytes of a header after the checksum."""
    return binascii.crc_hqx(bytes(header[_CRC + 2 :]), 0xFFFF)


def _start(header: bytes) -> datetime | None:
    day, month, year = struct.unpack_from("<3h", header, _DATE)
    try:
        return datetime(year, month, day, *struct.unpack_from("<3h", header, _CLOCK))
    except ValueError:
        return None


def _damaged(path: Path, reason: str) -> RecordError:
    return RecordError(f"{path.name} is no ISHNE file, or damaged: {reason}. Obtain it again.")
