"""Header and annotations of a cut record."""

from __future__ import annotations

import datetime
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgmodel.errors import RecordError
from ecgmodel.wfdb.decoding import decoded
from ecgmodel.wfdb.layout import Cut, Header, read_header

# Codes of the annotation format, https://physionet.org/physiotools/wag/annot-5.htm
_NOTE, _SKIP, _NUM, _CHN, _AUX = 22, 59, 60, 62, 63


def write_cut_header(header: Header, cut: Cut, into: Path) -> None:
    """Write the header of a cut record whose signal files are already in `into`.

    Changed are the number of samples, the fields that depend on the first sample (initial values,
    start time, counter), the checksums and the byte offset; a comment describes the cut.

    Args:
        header: The published header.
        cut: The samples in the signal files.
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
    """Return the annotations inside a cut, with times relative to the cut's first sample.

    Args:
        data: The annotation file, in MIT format.
        header: The record's header.
        cut: The samples to keep.
        name: The file's name, for errors.

    Raises:
        RecordError: The file is not in MIT format, or ends in the middle of an annotation.
    """
    try:
        annotations = list(_annotations(data))
    except struct.error as error:
        raise RecordError(
            f"Record {header.record}: the annotation file {name} ends in the middle of an "
            "annotation. Download the record again or leave it out."
        ) from error
    definitions = _definitions(annotations)
    scale = _resolution(definitions, header.fs) / header.fs
    first, end = cut.first * scale, cut.end * scale
    front, now = (definitions[-1].end, definitions[-1].time) if definitions else (0, 0)
    out, now, state = bytearray(data[:front]), now + round(first), (0, 0)
    for annotation in annotations[len(definitions) :]:
        if annotation.code and first <= annotation.time < end:
            out += annotation.encoded(now, state)
            now, state = annotation.time, (annotation.channel, annotation.number)
    return bytes(out) + b"\0\0"


@dataclass(frozen=True)
class _Annotation:
    """An annotation: time in ticks, code, the words that follow it, and the position of their end.

    Channel and number apply to this annotation and the following ones, until they are set again.
    """

    time: int
    code: int
    extra: bytes
    channel: int
    number: int
    end: int

    def encoded(self, now: int, state: tuple[int, int]) -> bytes:
        """Return its bytes that follow an annotation at `now` with the channel and number `state`.

        Channel and number are written where they differ from `state`.
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


def _annotations(data: bytes) -> Iterator[_Annotation]:
    """Yield the annotations of a file in MIT format."""
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
            raise struct.error("the text of an annotation is truncated")
        yield _Annotation(time, code, data[start:position], channel, number, position)


def _words(extra: bytes) -> Iterator[tuple[int, int]]:
    """Yield code and value of the words that follow an annotation."""
    position = 0
    while position < len(extra):
        word = _word(extra, position)
        yield word >> 10, word & 0x3FF
        position += 2 + (((word & 0x3FF) + 1) & ~1 if word >> 10 == _AUX else 0)


def _word(data: bytes, position: int) -> int:
    return int(struct.unpack_from("<H", data, position)[0])


def _definitions(annotations: list[_Annotation]) -> list[_Annotation]:
    """Return the annotations at the start that describe the whole file."""
    if not annotations or annotations[0].code != _NOTE or b"## " not in annotations[0].extra:
        return []
    count = 0
    while count < len(annotations) and annotations[count].time <= 0:
        annotation = annotations[count]
        if annotation.code and not (annotation.code == _NOTE and annotation.extra):
            break
        count += 1
    return annotations[:count]


def _resolution(definitions: list[_Annotation], fs: float) -> float:
    """Return the ticks per second: the file's time resolution, else the record's rate."""
    text = b" ".join(annotation.extra for annotation in definitions)
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
    if cut.first and match["base_time"] and header.wfdb.base_time:
        start = datetime.datetime.combine(
            header.wfdb.base_date or datetime.date(2000, 1, 1), header.wfdb.base_time
        ) + datetime.timedelta(seconds=cut.first / header.fs)
        digits = "%H:%M:%S.%f" if start.microsecond else "%H:%M:%S"
        changes[match.span("base_time")] = start.strftime(digits)
        if header.wfdb.base_date:
            changes[match.span("base_date")] = start.strftime("%d/%m/%Y")
    return _changed(line, changes)


def _without_offset(line: str) -> str:
    """Return a signal's line without its byte offset."""
    from wfdb.io.header import rx_signal

    start, end = rx_signal.match(line).span("byte_offset")
    return _changed(line, {(start - 1, end): ""} if end > start else {})


def _with_sums(line: str, samples: Any) -> str:
    """Return a signal's line with the initial value and the checksum of its samples."""
    from wfdb.io.header import rx_signal

    match = rx_signal.match(line)
    # The sum as a signed 16-bit number, as written by the WFDB software.
    total = (int(samples.sum()) + 32768) % 65536 - 32768
    values = {"init_value": int(samples[0]), "checksum": total}
    return _changed(line, {match.span(n): str(v) for n, v in values.items() if match[n]})


def _changed(line: str, changes: dict[tuple[int, int], str]) -> str:
    for (start, end), text in sorted(changes.items(), reverse=True):
        line = line[:start] + text + line[end:]
    return line


def _digital(header: Header, cut: Cut, path: Path) -> list[Any]:
    """Return each signal's samples in ADC units (int64), read from the cut record."""
    import numpy as np

    cut_header = read_header(path, header.record)
    found = decoded(cut_header.wfdb, path.parent, header.record, 0, cut.end - cut.first)
    return [np.asarray(samples, dtype=np.int64) for samples in found]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
