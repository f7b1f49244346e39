"""A cut of a record made a record of its own: its header, and its annotations."""

from __future__ import annotations

import datetime
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgmodel.errors import RecordError
from ecgmodel.wfdb.layout import Cut, Header

# Codes of the annotation format, https://physionet.org/physiotools/wag/annot-5.htm
_NOTE, _SKIP, _NUM, _CHN, _AUX = 22, 59, 60, 62, 63


def write_cut_header(header: Header, cut: Cut, into: Path) -> None:
    """Write the header of a cut record whose signal files lie in `into` already.

    Everything stays as published but the number of samples, what depends on the first sample
    (initial values, start time, counter), the checksums, the bytes before the first sample, and
    a comment that says what was cut.

    Args:
        header: The published header.
        cut: The samples that the signal files hold.
        into: The record's folder.

    Raises:
        RecordError: The signal files cannot be read with the header.
    """
    path = into / header.path.name
    lines = _text(header.path.read_bytes()).splitlines()
    fields = [n for n, line in enumerate(lines) if line.strip() and line.lstrip()[0] != "#"]
    lines[fields[0]] = _record_line(lines[fields[0]], header, cut)
    for n in fields[1:]:
        lines[n] = _without_offset(lines[n])
    comment = f"# cut from {header.record}, samples {cut.first} to {cut.end - 1} of the original"
    path.write_bytes(_bytes("\n".join([*lines, comment, ""])))
    for n, samples in zip(fields[1:], _digital(header, cut, path), strict=True):
        lines[n] = _with_sums(lines[n], samples)
    path.write_bytes(_bytes("\n".join([*lines, comment, ""])))


def cut_annotations(data: bytes, header: Header, cut: Cut, name: str) -> bytes:
    """Return an annotation file's marks that lie in a cut, counted from the cut's first sample.

    Args:
        data: The annotation file, in MIT format.
        header: The header of the record that it belongs to.
        cut: The samples that are kept.
        name: The file's name, for errors.

    Raises:
        RecordError: The file is not in MIT format, or ends in the middle of a mark.
    """
    try:
        marks = list(_marks(data))
    except struct.error as error:
        raise RecordError(
            f"Record {header.record}: annotation file {name} ends in the middle of a mark. "
            "Get the record again, or leave it out."
        ) from error
    definitions = _definitions(marks)
    scale = _resolution(definitions, header.fs) / header.fs
    first, end = cut.first * scale, cut.end * scale
    front, now = (definitions[-1].end, definitions[-1].time) if definitions else (0, 0)
    out, now, state = bytearray(data[:front]), now + round(first), (0, 0)
    for mark in marks[len(definitions) :]:
        if mark.code and first <= mark.time < end:
            out += mark.encoded(now, state)
            now, state = mark.time, (mark.channel, mark.number)
    return bytes(out) + b"\0\0"


@dataclass(frozen=True)
class _Mark:
    """One annotation: its time in ticks, its code, the words that follow it, and where they end.

    Channel and number stand for this mark and those after it, until they are given anew.
    """

    time: int
    code: int
    extra: bytes
    channel: int
    number: int
    end: int

    def encoded(self, now: int, state: tuple[int, int]) -> bytes:
        """Return its bytes, after a mark at time `now` with that channel and number.

        Where the mark that gave channel and number was left out, they are given with this one.
        """
        gap = self.time - now
        skip = b""
        if not 0 <= gap < 1024:
            skip = struct.pack("<HHH", _SKIP << 10, gap >> 16 & 0xFFFF, gap & 0xFFFF)
        words = [self.code << 10 | (0 if skip else gap)]
        given = {code for code, _ in _words(self.extra)}
        for code, before, here in zip(
            (_CHN, _NUM), state, (self.channel, self.number), strict=True
        ):
            if before != here and code not in given:
                words.append(code << 10 | here)
        return skip + struct.pack(f"<{len(words)}H", *words) + self.extra


def _marks(data: bytes) -> Iterator[_Mark]:
    """Yield the annotations of an MIT format file."""
    position, time, channel, number = 0, 0, 0, 0
    while position < len(data) and (word := _word(data, position)):
        while word >> 10 == _SKIP:
            high, low = struct.unpack_from("<hH", data, position + 2)
            time += (high << 16) + low
            position += 6
            word = _word(data, position)
        time += word & 0x3FF
        code, start = word >> 10, position + 2
        position = start
        while position < len(data) and (follows := _word(data, position)) >> 10 > _SKIP:
            channel = follows & 0x3FF if follows >> 10 == _CHN else channel
            number = follows & 0x3FF if follows >> 10 == _NUM else number
            position += 2 + (((follows & 0x3FF) + 1) & ~1 if follows >> 10 == _AUX else 0)
        if position > len(data):
            raise struct.error("the text of a mark is cut off")
        yield _Mark(time, code, data[start:position], channel, number, position)


def _words(extra: bytes) -> Iterator[tuple[int, int]]:
    """Yield code and value of the words that follow an annotation."""
    position = 0
    while position < len(extra):
        word = _word(extra, position)
        yield word >> 10, word & 0x3FF
        position += 2 + (((word & 0x3FF) + 1) & ~1 if word >> 10 == _AUX else 0)


def _word(data: bytes, position: int) -> int:
    return int(struct.unpack_from("<H", data, position)[0])


def _definitions(marks: list[_Mark]) -> list[_Mark]:
    """Return the marks at the front that say something about the whole file."""
    if not marks or marks[0].code != _NOTE or b"## " not in marks[0].extra:
        return []
    count = 0
    while count < len(marks) and marks[count].time <= 0:
        mark = marks[count]
        if mark.code and not (mark.code == _NOTE and mark.extra):
            break
        count += 1
    return marks[:count]


def _resolution(definitions: list[_Mark], fs: float) -> float:
    """Return the annotations' ticks a second: the record's rate, unless they say otherwise."""
    text = b" ".join(mark.extra for mark in definitions)
    found = re.search(rb"## time resolution: *([0-9.]+)", text)
    return float(found.group(1)) if found else fs


def _record_line(line: str, header: Header, cut: Cut) -> str:
    from wfdb.io.header import rx_record

    match = rx_record.match(line)
    changes = {match.span("sig_len"): str(cut.end - cut.first)}
    if cut.first and match["counter_freq"]:
        counter = float(match["base_counter"] or 0)
        counter += cut.first * float(match["counter_freq"]) / header.fs
        text = f"{counter:.6f}".rstrip("0").rstrip(".")
        given = bool(match["base_counter"])
        changes[match.span("base_counter")] = text if given else f"({text})"
    if cut.first and match["base_time"]:
        start = datetime.datetime.combine(
            header.wfdb.base_date or datetime.date(2000, 1, 1), header.wfdb.base_time
        ) + datetime.timedelta(seconds=cut.first / header.fs)
        digits = "%H:%M:%S.%f" if start.microsecond else "%H:%M:%S"
        changes[match.span("base_time")] = start.strftime(digits)
        if match["base_date"]:
            changes[match.span("base_date")] = start.strftime("%d/%m/%Y")
    return _changed(line, changes)


def _without_offset(line: str) -> str:
    """Return a signal's line for a file that begins with its first sample."""
    from wfdb.io.header import rx_signal

    start, end = rx_signal.match(line).span("byte_offset")
    return _changed(line, {(start - 1, end): ""} if end > start else {})


def _with_sums(line: str, samples: Any) -> str:
    """Return a signal's line with the initial value and the checksum of its samples."""
    from wfdb.io.header import rx_signal

    match = rx_signal.match(line)
    # The sum as a signed 16-bit number, as the format's own tools write it.
    total = (int(samples.sum()) + 32768) % 65536 - 32768
    values = {"init_value": int(samples[0]), "checksum": total}
    return _changed(line, {match.span(n): str(v) for n, v in values.items() if match[n]})


def _changed(line: str, changes: dict[tuple[int, int], str]) -> str:
    for (start, end), text in sorted(changes.items(), reverse=True):
        line = line[:start] + text + line[end:]
    return line


def _digital(header: Header, cut: Cut, path: Path) -> list[Any]:
    """Return each signal's samples, as converter steps (int64), read from the cut record."""
    import numpy as np
    import wfdb

    try:
        record = wfdb.rdrecord(
            str(path.absolute().with_suffix("")), physical=False, smooth_frames=False
        )
    except Exception as error:  # wfdb raises whatever its parsing runs into
        raise RecordError(
            f"Record {header.record}: header and data disagree, samples {cut.first} to "
            f"{cut.end - 1} cannot be read ({error!r}). Leave the record out."
        ) from error
    return [np.asarray(samples, dtype=np.int64) for samples in record.e_d_signal]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
