"""Lines and cells of a text table; cells that are not replaced keep their exact text."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, TextIO

from ecgmodel.errors import RecordError

LONGEST_LINE = 2**16
_BOM = "\ufeff"
_BOMS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_CHARSETS = {"cp1252": "windows-1252", "latin-1": "iso-8859-1"}
_FIRST, _PIECE = 2**12, 2**20
WHITESPACE = " "
PAIRED = "paired:"
"""Start of a delimiter for commas that separate columns and are decimal signs: "paired:nfnf"."""
MISSING = frozenset(
    ("", "nan", "na", "n/a", "null", "none", "-", "--", "?", "inf", "-inf", "+inf", "infinity")
)
NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,4})?", re.ASCII)
_CLOCK = re.compile(
    r"(?:(\d{1,6}) days? \+?)?(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2}(?:[.,]\d{1,9})?)"
    r"(?:\s+\d\d/\d\d/\d{4})?",
    re.ASCII,
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d?:\d\d.*", re.ASCII)
_GROUPS = re.compile(r"[-+]?[1-9]\d{0,2}(?:_\d{3})+", re.ASCII)
_CELL = re.compile(r"[^ \t\r\n\f\v]+")  # other white space may separate thousands
_EPOCH = datetime(2000, 1, 1)


@dataclass(frozen=True)
class Encoding:
    """A text file's encoding.

    Attributes:
        codec: Python's name of it.
        has_mark: Whether the file starts with a byte order mark.
    """

    codec: str
    has_mark: bool = False

    @property
    def charset(self) -> str:
        """Its name in HTTP."""
        return _CHARSETS.get(self.codec, self.codec)


def encoding_of(path: Path) -> Encoding:
    """Return a text file's encoding, by which it is decoded and encoded without loss.

    It is told by a byte order mark, by the NUL bytes of UTF-16, and else is UTF-8 if all of the
    file is valid. What is not is taken as Windows-1252, or as Latin-1 if it contains bytes which
    that does not define.
    """
    with path.open("rb") as file:
        first = file.read(_FIRST)
        for mark, codec in _BOMS.items():
            if first.startswith(mark):
                return Encoding(codec, True)
        even, odd = first[::2].count(0), first[1::2].count(0)
        if max(even, odd) > 0.4 * len(first) / 2 and min(even, odd) == 0:
            return Encoding("utf-16-le" if odd else "utf-16-be")
        decoders = {codec: getincrementaldecoder(codec)() for codec in ("utf-8", "cp1252")}
        file.seek(0)
        while decoders:
            piece = file.read(_PIECE)
            for codec, decoder in list(decoders.items()):
                try:
                    if not (piece.isascii() and not decoder.getstate()[0]) or not piece:
                        decoder.decode(piece, final=not piece)
                except UnicodeDecodeError:
                    del decoders[codec]
            if not piece:
                break
    return Encoding(next(iter(decoders), "latin-1"))


def opened(path: Path, encoding: Encoding, mode: Literal["r", "w"] = "r") -> TextIO:
    """Open a text file; a new one starts with a byte order mark if `encoding` has one.

    Bytes that are invalid in spite of a mark of UTF-8 are preserved.
    """
    errors = "surrogateescape" if encoding.codec == "utf-8" else "strict"
    file = path.open(mode, encoding=encoding.codec, errors=errors, newline="")
    if mode == "w" and encoding.has_mark:
        file.write(_BOM)
    return file


def lines(path: Path, encoding: Encoding) -> Iterator[str]:
    """Yield a file's lines with their line ends, without the byte order mark.

    Raises:
        RecordError: A line is too long, or contains a NUL byte.
    """
    with opened(path, encoding) as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE or "\0" in line:
                found = "a longer line" if len(line) > LONGEST_LINE else "a NUL byte"
                raise RecordError(
                    f"{path.name}, line {number}: expected text of at most {LONGEST_LINE:,} "
                    f"characters. Received {found}. Check that the file is a text table."
                )
            yield line.removeprefix(_BOM) if number == 1 else line


def is_comment(line: str) -> bool:
    """Return whether a line is a comment."""
    return line.startswith("#")


def split(text: str, delimiter: str) -> list[str]:
    """Return a line's cells, including quotes and spaces.

    Raises:
        ValueError: A quote is not closed in the line.
    """
    if delimiter == WHITESPACE:
        return text.split() if text.isascii() else _CELL.findall(text)
    if delimiter.startswith(PAIRED):
        return _paired(text.split(","), delimiter.removeprefix(PAIRED))
    if '"' not in text:
        return text.split(delimiter)
    parts = text.split('"')
    if len(parts) % 2 == 0:
        raise ValueError("a quote is not closed on the same line")
    parts[1::2] = [part.replace(delimiter, "\0") for part in parts[1::2]]
    return [cell.replace("\0", delimiter) for cell in '"'.join(parts).split(delimiter)]


def _paired(parts: list[str], pattern: str) -> list[str]:
    """Join fractions to the parts before them; other numbers of parts are returned as they are."""
    if len(parts) != len(pattern):
        return parts
    cells: list[str] = []
    for part, kind in zip(parts, pattern, strict=True):
        if kind == "f":
            cells[-1] += f",{part}"
        else:
            cells.append(part)
    return cells


def replaced(text: str, delimiter: str, cells: Mapping[int, str]) -> str:
    """Return a line with some cells replaced; quotes are kept."""
    if delimiter == WHITESPACE:
        found = list(_CELL.finditer(text))
        for place in sorted(cells, reverse=True):
            text = text[: found[place].start()] + cells[place] + text[found[place].end() :]
        return text
    raw = split(text, delimiter)
    sign = "," if delimiter.startswith(PAIRED) else delimiter
    for place, cell in cells.items():
        old = plain(raw[place])
        if delimiter in cell and '"' not in raw[place]:
            cell = f'"{cell}"'
        raw[place] = raw[place].replace(old, cell, 1) if old else cell
    return sign.join(raw)


def plain(cell: str) -> str:
    """Return a cell without surrounding spaces and quotes."""
    return cell.strip().strip("\"'").strip()


def number(cell: str, decimal: str) -> float | None:
    """Return a cell's number, NaN if it is missing, None if it is not a number.

    Args:
        cell: The cell.
        decimal: The decimal sign, and the sign between thousands, if any: ".", ",", ",.".
    """
    if decimal == ".":
        try:
            value = float(cell)
        except ValueError:
            pass
        else:
            if "_" not in cell:
                return value
    text = plain(cell)
    if text.lower() in MISSING:
        return float("inf") if "inf" in text.lower() else float("nan")
    text = text.replace("\u2212", "-")
    sign, group = decimal[0], decimal[1:]
    if group and group in text:
        whole = text.partition(sign)[0]
        text = text.replace(group, "") if _GROUPS.fullmatch(whole.replace(group, "_")) else ""
    if sign == ",":
        text = text.replace(",", ".") if "." not in text else ""
    return float(text) if NUMBER.fullmatch(text) else None


def written(value: float, decimals: int, decimal: str) -> str:
    """Return a number as text, with the decimal sign and the sign between thousands of `number`."""
    sign, group = decimal[0], decimal[1:]
    text = f"{value:_.{decimals}f}" if group else f"{value:.{decimals}f}"
    return text.replace(".", sign).replace("_", group)


def seconds(cell: str, decimal: str) -> float | None:
    """Return a cell's time: a number unchanged, a clock time or date in seconds, else None."""
    text = plain(cell).strip("[]")
    found = _CLOCK.fullmatch(text)
    if found:
        days, hours, minutes, rest = found.groups()
        return (
            int(days or 0) * 86_400
            + int(hours or 0) * 3600
            + int(minutes) * 60
            + float(rest.replace(",", "."))
        )
    if _DATE.fullmatch(text):
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            return None
        offset = at.utcoffset() or timedelta()
        return (at.replace(tzinfo=None) - _EPOCH - offset).total_seconds()
    return number(cell, decimal)


def is_clock(cell: str) -> bool:
    """Return whether a cell is a clock time or a date."""
    text = plain(cell).strip("[]")
    return bool(_CLOCK.fullmatch(text) or _DATE.fullmatch(text))
