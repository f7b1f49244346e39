"""What the header of an EDF or BDF file says, held against the file's size.

EDF: Kemp et al. 1992, Electroencephalogr. Clin. Neurophysiol. 82:391, https://www.edfplus.info/specs.
BDF is the same with 24 bits, https://www.biosemi.com/faq/file_format.htm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from fractions import Fraction
from math import isfinite
from pathlib import Path
from unicodedata import combining, normalize

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import RecordError
from ecgmodel.files._limits import check_file
from ecgmodel.support.units import plain_unit

BLOCK = 256
MOST_CHANNELS = 1024
RECORDS = slice(236, 244)
"""The field with the number of data records."""
# Widths of the fields of all channels, in their order.
FIELDS = {
    "label": 16,
    "transducer": 80,
    "unit": 8,
    "physical_min": 8,
    "physical_max": 8,
    "digital_min": 8,
    "digital_max": 8,
    "prefiltering": 80,
    "samples": 8,
    "reserved": 32,
}
_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "µ": "u", "μ": "u"})
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_NUMBER = re.compile(r"[-+]?\d{1,8}(?:\.\d*)?(?:[eE][-+]?\d{1,3})?|[-+]?\.\d+", re.ASCII)

_ONSET = re.compile(rb"[+-]\d{1,12}(?:\.\d{1,24})?\x14\x14")


@dataclass(frozen=True)
class Kind:
    """EDF or BDF.

    Attributes:
        name: Of the format.
        width: Bytes of a sample.
        version: The first bytes of a file.
    """

    name: str
    width: int
    version: bytes

    @property
    def largest(self) -> int:
        """The largest number of a sample; one below its negative marks a missing one."""
        return int(2 ** (8 * self.width - 1) - 1)


EDF = Kind("EDF", 2, b"0       ")
BDF = Kind("BDF", 3, b"\xffBIOSEMI")


@dataclass(frozen=True)
class EdfSignal:
    """A channel's header.

    Attributes:
        place: Its number, from 0.
        label: Its name.
        unit: Of its physical values.
        physical: Lowest and highest physical value.
        digital: The samples that stand for them.
        samples: In each data record.
        offset: Bytes before them in a record.
    """

    place: int
    label: str
    unit: str | None
    physical: tuple[float, float]
    digital: tuple[int, int]
    samples: int
    offset: int


@dataclass(frozen=True)
class Layout:
    """A file's header.

    Attributes:
        path: The file.
        kind: EDF or BDF.
        channels: Its channels, those of annotations among them.
        records: Data records.
        duration: Of each, s.
        record_bytes: Of each.
        is_interrupted: Whether there may be time between records (EDF+D).
        start: When the first record began, None if that is not told.
        remarks: Differences between the header and the data.
    """

    path: Path
    kind: Kind
    channels: tuple[EdfSignal, ...]
    records: int
    duration: Fraction
    record_bytes: int
    is_interrupted: bool
    start: datetime | None
    remarks: tuple[str, ...] = ()

    @property
    def header_bytes(self) -> int:
        """Bytes before the first record."""
        return BLOCK * (len(self.channels) + 1)

    def is_annotations(self, channel: EdfSignal) -> bool:
        """Return whether a channel holds annotations."""
        return channel.label == f"{self.kind.name} Annotations"

    def field(self, channel: EdfSignal, name: str) -> slice:
        """Return where a channel's field is in the file."""
        return field_of(channel.place, len(self.channels), name)

    def data(self, start: int, count: int) -> NDArray[np.uint8]:
        """Return `count` bytes of the data records, from byte `start` on.

        Raises:
            RecordError: The file was cut off after its header was read.
        """
        found = np.fromfile(self.path, np.uint8, count, offset=self.header_bytes + start)
        if len(found) != count:
            raise RecordError(
                f"{self.path.name} was cut off while it was read: expected {count:,} bytes from "
                f"byte {self.header_bytes + start:,} on. Received: {len(found):,}. Get it again."
            )
        return found

    def bytes_of(self, data: NDArray[np.uint8], channel: EdfSignal) -> NDArray[np.uint8]:
        """Return a view of a channel's bytes `(records, bytes)`."""
        first = channel.offset
        return data[:, first : first + channel.samples * self.kind.width]


def field_of(place: int, channels: int, name: str) -> slice:
    """Return where a field is in a file: of the channel `place` (from 0) of `channels`."""
    before = 0
    for field, width in FIELDS.items():
        if field == name:
            first = BLOCK + before + place * width
            return slice(first, first + width)
        before += width * channels
    raise KeyError(name)


def set_field(header: bytearray, place: slice, text: str) -> None:
    """Set a field of a header.

    Raises:
        ValueError: The text is too long.
    """
    width = place.stop - place.start
    if len(text) > width:
        raise ValueError(f"Expected at most {width} letters for a field. Received: {text!r}.")
    header[place] = text.encode("latin-1").ljust(width)


def plain_text(text: str, length: int) -> str:
    """Return what a header's field can hold of a text: printable ASCII, letters without accents."""
    letters = normalize("NFKD", text.translate(_LETTERS))
    letters = "".join(letter for letter in letters if not combining(letter))
    plain = " ".join(letters.encode("ascii", "replace").decode().split())
    return "".join(letter if letter.isprintable() else "?" for letter in plain)[:length]


def read_layout(path: Path, kind: Kind) -> Layout:
    """Read a header.

    Raises:
        RecordError: It is none, or the file contains no complete data record.
    """
    size = check_file(path)
    with path.open("rb") as file:
        main = file.read(BLOCK)
        if len(main) < BLOCK or main[:8] != kind.version:
            raise RecordError(
                f"{path.name}: expected a file of {kind.name}, which starts with "
                f"{kind.version!r}. Received: {main[:8]!r}."
            )
        count = _whole(main[252:256], "the number of channels", path)
        if not 1 <= count <= MOST_CHANNELS or size < BLOCK * (count + 1):
            raise RecordError(
                f"{path.name}: its header declares {count} channels in {size:,} bytes; expected "
                f"1 to {MOST_CHANNELS}, with {BLOCK} bytes of header each. Get it again."
            )
        rest = file.read(BLOCK * count)
    stated = _whole(main[184:192], "the length of the header", path)
    if stated != BLOCK * (count + 1):
        raise RecordError(
            f"{path.name}: its header of {count} channels takes {BLOCK * (count + 1)} bytes. "
            f"Received: {stated}. Get it again."
        )
    duration = _number(main[244:252], "the length of a data record", path)
    channels = _channels(rest, count, kind, path)
    record_bytes = sum(channel.samples for channel in channels) * kind.width
    if duration <= 0 or not record_bytes:
        raise RecordError(
            f"{path.name}: its data records hold {record_bytes} bytes in {float(duration):g} s; "
            "expected signals. Leave it out."
        )
    interrupted = main[192:197] in (b"EDF+D", b"BDF+D")
    layout = Layout(path, kind, channels, 1, duration, record_bytes, interrupted, _start(main))
    told = _whole(main[RECORDS], "the number of data records", path)
    records, remarks = _records(layout, told, size - stated)
    return replace(layout, records=records, remarks=remarks)


def _records(layout: Layout, told: int, size: int) -> tuple[int, tuple[str, ...]]:
    """Return the number of data records in a file, and remarks if its header states another one.

    A recorder that is switched off or interrupted leaves a header with -1, 0, or the number of
    records that was planned or reached earlier; the last record may be incomplete.

    Args:
        layout: The header; its number of records is not used.
        told: The number of records in the header.
        size: Size of the data, bytes.
    """
    whole = there = size // layout.record_bytes
    if not whole:
        raise RecordError(
            f"{layout.path.name} contains no complete data record: expected at least "
            f"{layout.record_bytes:,} bytes after the header. Received: {size:,}. Leave it out."
        )
    if told != whole:
        whole = _recorded(layout, told, size)
    if not whole:
        raise RecordError(
            f"{layout.path.name}: header and data disagree. Expected {told} data records of "
            f"{layout.record_bytes:,} bytes, each with its time. Received {size:,} bytes without. "
            "Get it again."
        )
    remarks = []
    if told not in (-1, whole):
        remarks.append(f"not closed by the recorder: {told} data records stated, {whole} read")
    behind = size - whole * layout.record_bytes
    if behind and there == whole:
        remarks.append("its last data record is incomplete and omitted")
    elif behind:
        remarks.append(f"{behind:,} bytes after the last data record omitted")
    return whole, tuple(remarks)


def _recorded(layout: Layout, told: int, size: int) -> int:
    """Return the number of records in a file whose header states another one.

    Records of EDF+ start with their time. Without times, the header counts, but not beyond the
    end; and whole records that follow and are not one repeated byte are records, as in edfio and
    MNE.
    """
    whole, rest = divmod(size, layout.record_bytes)
    times = next((c for c in layout.channels if layout.is_annotations(c)), None)
    if times is None:
        if told <= 0 or told >= whole:
            return whole
        found = layout.data(told * layout.record_bytes, layout.record_bytes)
        return told if rest or (found == found[0]).all() else whole
    for record in range(whole):
        at = record * layout.record_bytes + times.offset
        if not _ONSET.match(layout.data(at, times.samples * layout.kind.width).tobytes()):
            return record
    return whole


def _channels(rest: bytes, count: int, kind: Kind, path: Path) -> tuple[EdfSignal, ...]:
    columns, first = {}, 0
    for name, width in FIELDS.items():
        columns[name] = [rest[first + i * width :][:width] for i in range(count)]
        first += count * width
    channels, offset = [], 0
    for i in range(count):
        label = _text(columns["label"][i])
        numbers = {
            name: _number(columns[name][i], f"{name} of channel {label!r}", path)
            for name in ("physical_min", "physical_max", "digital_min", "digital_max", "samples")
        }
        samples = int(numbers["samples"])
        if samples < 0:
            raise RecordError(f"{path.name}: channel {label!r} declares {samples} samples.")
        channels.append(
            EdfSignal(
                place=i,
                label=label,
                unit=plain_unit(_text(columns["unit"][i])) or None,
                physical=(float(numbers["physical_min"]), float(numbers["physical_max"])),
                digital=(int(numbers["digital_min"]), int(numbers["digital_max"])),
                samples=samples,
                offset=offset,
            )
        )
        offset += samples * kind.width
    return tuple(channels)


def _text(field: bytes) -> str:
    """Return a field's text: UTF-8, which some programs write, else Latin-1."""
    try:
        return field.decode().strip(" \t\0")
    except UnicodeDecodeError:
        return field.decode("latin-1").strip(" \t\0")


def _number(field: bytes, what: str, path: Path) -> Fraction:
    text = _text(field).replace(",", ".")
    if not _NUMBER.fullmatch(text) or not isfinite(float(text)):
        raise RecordError(
            f"{path.name}: expected a number for {what}. Received: {text!r}; the header is damaged."
        )
    return Fraction(text)


def _whole(field: bytes, what: str, path: Path) -> int:
    value = _number(field, what, path)
    if value.denominator != 1:
        raise RecordError(f"{path.name}: expected a whole number for {what}. Received: {field!r}.")
    return int(value)


def _start(main: bytes) -> datetime | None:
    """Return the start: its date from EDF+'s field, which has four digits for the year, if there.

    Years of two digits are 1985 to 2084.
    """
    words = _text(main[88:168]).split()
    try:
        hour, minute, second = (int(part) for part in _text(main[176:184]).split("."))
        clock = time(hour, minute, second)
        if words[:1] == ["Startdate"]:
            day, month, year = words[1].split("-")
            on = date(int(year), _MONTHS.index(month.upper()) + 1, int(day))
        else:
            of_day, of_month, of_year = (int(part) for part in _text(main[168:176]).split("."))
            on = date(of_year + (1900 if of_year >= 85 else 2000), of_month, of_day)
        return datetime.combine(on, clock)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None  # it is left out, or made anonymous
