"""What the header of an EDF or BDF file says, held against the file's size.

EDF: Kemp et al. 1992, Electroencephalogr. Clin. Neurophysiol. 82:391, https://www.edfplus.info/specs.
BDF is the same with 24 bits, https://www.biosemi.com/faq/file_format.htm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from fractions import Fraction
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import RecordError
from ecgmodel.files._limits import check_file
from ecgmodel.support.units import plain_unit

BLOCK = 256
MOST_CHANNELS = 1024
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
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_NUMBER = re.compile(r"[-+]?\d{1,8}(?:\.\d*)?(?:[eE][-+]?\d{1,3})?|[-+]?\.\d+", re.ASCII)


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
        is_cut: Whether a part of a record follows the last one; it is not read.
    """

    path: Path
    kind: Kind
    channels: tuple[EdfSignal, ...]
    records: int
    duration: Fraction
    record_bytes: int
    is_interrupted: bool
    start: datetime | None
    is_cut: bool

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
    """Return what a header's field can hold of a text: printable ASCII."""
    plain = " ".join(text.encode("ascii", "replace").decode().split())
    return "".join(letter if letter.isprintable() else "?" for letter in plain)[:length]


def read_layout(path: Path, kind: Kind) -> Layout:
    """Read a header.

    Raises:
        RecordError: It is none, or the file is longer or shorter than it says.
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
    records = _records(main, size - stated, record_bytes, path)
    interrupted = main[192:197] in (b"EDF+D", b"BDF+D")
    start = _start(main)
    is_cut = size - stated > records * record_bytes
    return Layout(path, kind, channels, records, duration, record_bytes, interrupted, start, is_cut)


def _records(main: bytes, size: int, record_bytes: int, path: Path) -> int:
    """Return the number of records; -1 in a header stands for a recording that was not closed."""
    records = _whole(main[236:244], "the number of data records", path)
    if records == -1:
        records = size // record_bytes
    elif records * record_bytes != size:
        raise RecordError(
            f"{path.name}: header and data disagree. Expected {records} data records of "
            f"{record_bytes} bytes. Received {size:,}: it is cut off or damaged. Get it again."
        )
    if records < 1:
        raise RecordError(f"{path.name} holds no samples. Leave it out.")
    return records


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
    return field.decode("latin-1").strip(" \0")


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
