"""SCP-ECG (EN 1064, ISO 11073-91064): resting ECGs of recorders, in sections with checksums."""

from __future__ import annotations

import binascii
import struct
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import RecordError
from ecgmodel.files._ecg import Hints, Recording, check_shape, header_rate_remark
from ecgmodel.files._finding import not_rewritten
from ecgmodel.files._lead_codes import LEADS
from ecgmodel.files._limits import check_file, check_values
from ecgmodel.files._scp_huffman import DEFAULT, Huffman, read_table
from ecgmodel.files._segments import Segment, Timeline, assemble

LABEL = "SCP-ECG"
SUFFIXES = (".scp", ".ecg")
_MARK, _MARK_AT = b"SCPECG", 16
_FILE_HEADER, _SECTION_HEADER, _POINTER = 6, 16, 10
_PATIENT, _HUFFMAN, _LEADS, _RHYTHM, _LONG_TERM = 1, 2, 3, 6, 12
_DATE, _CLOCK, _LAST_TAG = 25, 26, 255
_DEFAULT_TABLE = 19_999
_MOST_BYTES = 2**28
_LOW, _HIGH = -32_768, 32_767
_REMEDY = "Export it without this compression, or convert it to EDF with its own software"


@dataclass(frozen=True)
class _File:
    """A file's rhythm data.

    Attributes:
        path: The file.
        data: Its bytes.
        sections: Start and length of each section, by number.
        pointers: Place of each section's pointer.
        segments: The leads; their place is their number.
        order: 0 for samples, 1 for first, 2 for second differences.
        table: The Huffman table, None without compression.
    """

    path: Path
    data: bytes
    sections: dict[int, tuple[int, int]]
    pointers: dict[int, int]
    segments: tuple[Segment, ...]
    order: int
    table: Huffman | None


def is_own(path: Path) -> bool:
    """Return whether a file begins as an SCP-ECG file."""
    with path.open("rb") as file:
        return file.read(_MARK_AT + len(_MARK))[_MARK_AT:] == _MARK


def read(path: Path, hints: Hints) -> Recording:
    """Read the rhythm leads. See `ecgmodel.files.read_ecg`.

    Samples, differences and one Huffman table are read. Bimodal compression and the subtraction of
    a reference beat are not.

    Raises:
        RecordError: The compression is not read, or the file is damaged.
    """
    file = _open(path)
    timeline = assemble(file.segments, hints, path)
    return Recording(
        signal=timeline.signal,
        fs=timeline.fs,
        leads=timeline.leads,
        adc_ranges=(None,) * len(timeline.leads),
        other=timeline.other,
        remarks=(*_checked(file), *header_rate_remark(timeline.fs, hints)),
        start=_start(file),
        hints=hints,
    )


def rewrite(source: Path, ecg: Recording, into: Path, comment: str) -> None:
    """Write a copy with other rhythm data, in the same encoding, and new checksums.

    All other sections are kept byte for byte.

    Raises:
        RecordError: The new samples do not fit.
    """
    file = _open(source)
    timeline = assemble(file.segments, ecg.hints, source)
    check_shape(ecg, timeline.shape, source)
    (into / source.name).write_bytes(_with_rhythm(file, _encoded(file, timeline, ecg)))


def _checked(file: _File) -> tuple[str, ...]:
    """Return a remark if checksums do not match; 0xFFFF stands for none."""
    wrong = []
    for number, (start, size) in sorted(file.sections.items()):
        (stated,) = struct.unpack_from("<H", file.data, start)
        if stated not in (binascii.crc_hqx(file.data[start + 2 : start + size], 0xFFFF), 0xFFFF):
            wrong.append(str(number))
    return (f"checksums of sections {', '.join(wrong)} do not match",) if wrong else ()


def _encoded(file: _File, timeline: Timeline, ecg: Recording) -> bytes:
    """Return the content of section 6 with other samples, without its header."""
    start, length = file.sections[_RHYTHM]
    begin = start + _SECTION_HEADER
    count = len(file.segments)
    lengths = struct.unpack_from(f"<{count}H", file.data, begin + 6)
    ends = begin + 6 + 2 * count + np.cumsum([0, *lengths])
    parts = [file.data[ends[i] : ends[i + 1]] for i in range(count)]
    for segment, lead in timeline.changed(ecg.signal):
        numbers = segment.to_stored(lead, _LOW, _HIGH, file.path).astype(np.int64)
        if not np.array_equal(numbers, segment.stored):
            parts[segment.place] = _packed(file, _differences(numbers, file.order))
    if max(len(part) for part in parts) > 0xFFFF:
        raise not_rewritten(file.path, "the cleaned samples take more than 65,535 bytes a lead")
    table = struct.pack(f"<{count}H", *(len(part) for part in parts))
    after = file.data[int(ends[-1]) : start + length]
    made = file.data[begin : begin + 6] + table + b"".join(parts)
    unchanged = len(made) + len(after) == length - _SECTION_HEADER
    return made + (after if unchanged else b"\0" * (len(made) % 2))


def _packed(file: _File, numbers: NDArray[np.int64]) -> bytes:
    if file.table is not None:
        packed = file.table.encode(numbers)
        if packed is None:
            raise not_rewritten(file.path, "its Huffman table has no code for the cleaned samples")
        return packed
    if numbers.min(initial=0) < _LOW or numbers.max(initial=0) > _HIGH:
        raise not_rewritten(file.path, "differences of the cleaned samples exceed 16 bits")
    return numbers.astype("<i2").tobytes()


def _with_rhythm(file: _File, content: bytes) -> bytes:
    """Return the file with another section 6; pointers and checksums follow."""
    start, length = file.sections[_RHYTHM]
    made = bytearray(file.data)
    made[start + _SECTION_HEADER : start + length] = content
    more = len(made) - len(file.data)
    struct.pack_into("<I", made, start + 4, length + more)
    struct.pack_into("<I", made, file.pointers[_RHYTHM] + 2, length + more)
    for number, (other, size) in file.sections.items():
        if other > start and size:
            struct.pack_into("<I", made, file.pointers[number] + 6, other + more + 1)
    struct.pack_into("<I", made, 2, len(made))
    for begin, size in ((start, length + more), file.sections[0]):
        _sign(made, begin, begin + size)
    _sign(made, 0, len(made))
    return bytes(made)


def _sign(data: bytearray, start: int, stop: int) -> None:
    """Write the CRC-CCITT of a section, or of the file, into its first two bytes."""
    struct.pack_into("<H", data, start, binascii.crc_hqx(bytes(data[start + 2 : stop]), 0xFFFF))


def _open(path: Path) -> _File:
    check_file(path, most=_MOST_BYTES)
    data = path.read_bytes()
    if data[_MARK_AT : _MARK_AT + len(_MARK)] != _MARK:
        raise _damaged(path, "it does not begin with SCPECG")
    sections, pointers = _sections(data, path)
    for number in (_LEADS, _RHYTHM):
        if number not in sections:
            if _LONG_TERM in sections:
                raise RecordError(
                    f"{path.name} holds a long-term ECG (SCP-ECG 3, section 12), which is not "
                    "read. Export it as ISHNE or EDF."
                )
            raise RecordError(f"{path.name} has no section {number}: it holds no rhythm data.")
    names, spans = _leads(data, sections[_LEADS], path)
    start, length = sections[_RHYTHM]
    begin, end = start + _SECTION_HEADER, start + length
    if begin + 6 + 2 * len(names) > end:
        raise _damaged(path, "section 6 ends too early")
    step, interval, order, bimodal = struct.unpack_from("<HHBB", data, begin)
    if bimodal:
        raise RecordError(
            f"{path.name}: its compression is bimodal (SCP-ECG), which is not read. {_REMEDY}."
        )
    if not interval or not step or order > 2:
        raise _damaged(path, f"section 6 states {step} nV, {interval} us and encoding {order}")
    table = _table(data, sections, path)
    check_values(path, sum(last - first for first, last in spans), len(data))
    lengths = struct.unpack_from(f"<{len(names)}H", data, begin + 6)
    at, segments, fs = begin + 6 + 2 * len(names), [], 1e6 / interval
    for i, ((first, last), size) in enumerate(zip(spans, lengths, strict=True)):
        if at + size > end:
            raise _damaged(path, f"lead {names[i]} ends after section 6")
        stored = _samples(data[at : at + size], last - first, order, table)
        if len(stored) != last - first:
            raise _damaged(
                path, f"lead {names[i]} has {len(stored):,} samples, not {last - first:,}"
            )
        segments.append(Segment(names[i], fs, stored, step / 1e6, at_s=first / fs, place=i))
        at += size
    return _File(path, data, sections, pointers, tuple(segments), order, table)


def _sections(data: bytes, path: Path) -> tuple[dict[int, tuple[int, int]], dict[int, int]]:
    """Return each section's start and length, and the place of its pointer."""
    (length,) = struct.unpack_from("<I", data, _FILE_HEADER + 4)
    if not _SECTION_HEADER < length <= len(data) - _FILE_HEADER:
        raise _damaged(path, f"its pointers take {length:,} of {len(data):,} bytes")
    sections, pointers = {0: (_FILE_HEADER, length)}, dict[int, int]()
    first = _FILE_HEADER + _SECTION_HEADER
    for place in range(first, _FILE_HEADER + length - _POINTER + 1, _POINTER):
        number, size, index = struct.unpack_from("<HII", data, place)
        if not size or not number:
            pointers.setdefault(number, place)
            continue
        if number in sections or not 0 < index <= len(data) - size + 1 or size < _SECTION_HEADER:
            raise _damaged(path, f"section {number} lies outside the file, or comes twice")
        sections[number], pointers[number] = (index - 1, size), place
    return sections, pointers


def _leads(
    data: bytes, section: tuple[int, int], path: Path
) -> tuple[list[str], list[tuple[int, int]]]:
    """Return the leads' names, and the first sample and the one after the last of each."""
    start, length = section
    begin = start + _SECTION_HEADER
    count, flags = struct.unpack_from("<BB", data, begin) if length > 18 else (0, 0)
    if not count or _SECTION_HEADER + 2 + 9 * count > length:
        raise _damaged(path, f"section 3 states {count} leads in {length} bytes")
    if flags & 1:
        raise RecordError(
            f"{path.name}: its compression subtracts a reference beat (SCP-ECG), which is not "
            f"read. {_REMEDY}."
        )
    names, spans = [], []
    for i in range(count):
        first, last, code = struct.unpack_from("<IIB", data, begin + 2 + 9 * i)
        if not 0 < first <= last:
            raise _damaged(path, f"lead {i + 1} lasts from sample {first} to {last}")
        names.append(LEADS.get(code, f"lead {i + 1}"))
        spans.append((first - 1, last))
    return names, spans


def _table(data: bytes, sections: dict[int, tuple[int, int]], path: Path) -> Huffman | None:
    """Return the Huffman table; None if the data are not compressed."""
    start, length = sections.get(_HUFFMAN, (0, 0))
    if length < _SECTION_HEADER + 2:
        return None
    (count,) = struct.unpack_from("<H", data, start + _SECTION_HEADER)
    if count == _DEFAULT_TABLE:
        return DEFAULT
    if count > 1:
        raise RecordError(
            f"{path.name}: its compression uses {count} Huffman tables (SCP-ECG), which are not "
            f"read. {_REMEDY}."
        )
    table = read_table(data[start + _SECTION_HEADER + 2 : start + length]) if count else None
    if count and table is None:
        raise RecordError(
            f"{path.name}: its Huffman table (SCP-ECG) is damaged or of an unknown kind. {_REMEDY}."
        )
    return table


def _samples(data: bytes, count: int, order: int, table: Huffman | None) -> NDArray[np.int64]:
    """Return a lead's samples, as many as there are."""
    if table is None:
        numbers = np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.int64)
    else:
        numbers = table.decode(data, count)
    if order == 2 and len(numbers) > 1:
        steps = np.cumsum([numbers[1] - numbers[0], *numbers[2:]])
        return np.cumsum([numbers[0], *steps])
    return np.cumsum(numbers) if order == 1 else numbers


def _differences(samples: NDArray[np.int64], order: int) -> NDArray[np.int64]:
    """Return samples as they are stored: the first ones, then their differences."""
    if order == 0 or len(samples) <= order:
        return samples
    return np.concatenate([samples[:order], np.diff(samples, order)])


def _start(file: _File) -> datetime | None:
    """Return the time of acquisition; no other entry of the patient's section is looked at."""
    start, length = file.sections.get(_PATIENT, (0, 0))
    at, end, found = start + _SECTION_HEADER, start + length, {}
    while at + 3 <= end and file.data[at] != _LAST_TAG:
        tag, size = struct.unpack_from("<BH", file.data, at)
        if tag in (_DATE, _CLOCK) and at + 3 + size <= end:
            found[tag] = file.data[at + 3 : at + 3 + size]
        at += 3 + size
    try:
        day, clock = struct.unpack("<HBB", found[_DATE]), struct.unpack("<BBB", found[_CLOCK])
        return datetime(*day, *clock)
    except (KeyError, ValueError, struct.error):
        return None


def _damaged(path: Path, reason: str) -> RecordError:
    return RecordError(f"{path.name} is no SCP-ECG file, or damaged: {reason}. Obtain it again.")
