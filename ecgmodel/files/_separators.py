"""Commas and points in tables: columns, decimals or thousands, proven on the whole file.

A few lines at the top do not tell: a recording may start with zeros or whole numbers. Where the top
leaves a doubt, all lines are read; where they leave it too, an error names the two readings.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ecgmodel.errors import RecordError
from ecgmodel.files._text import MISSING, PAIRED, Encoding, is_comment, lines, number, plain, split

STYLES = (".", ",")
GROUPED_STYLES = (",.", ".,", ",\u00a0", ",\u202f", ", ", ",'", ".'", ".\u2019", ". ", ".\u00a0")
"""A decimal sign, and a sign between thousands."""

# So many different numbers of two or more digits, none with a leading zero, are no fractions: one
# fraction in ten has one.
_DIFFERENT = 100
# So many numbers with exactly three digits behind their only sign have thousands, not decimals.
_THOUSANDS = 30
_WHOLE = re.compile(r"[-+]?[1-9]\d\d", re.ASCII)
_LOOKED_AT = 10_000
_THREE = re.compile(r"[-+]?[1-9]\d{0,2}([.,])\d{3}", re.ASCII)


def data_lines(path: Path, encoding: Encoding, first: int) -> Iterator[str]:
    """Yield the lines of samples, from the line `first` (from 0) on, without line ends."""
    for place, line in enumerate(lines(path, encoding)):
        if place >= first and line.strip() and not is_comment(line):
            yield line.rstrip("\r\n")


@dataclass
class _Part:
    """What stands between two commas in all lines.

    Attributes:
        is_digits: Whether it is digits only.
        is_padded: Whether it starts with a needless zero in some line.
        is_minus_zero: Whether it is "-0" in some line, which no integer is.
        different: Different numbers of two or more digits, up to `_DIFFERENT`.
    """

    is_digits: bool = True
    is_padded: bool = False
    is_minus_zero: bool = False
    different: set[str] = field(default_factory=set)

    def add(self, text: str) -> None:
        if not (text.isascii() and text.isdigit()):
            self.is_digits = False
        elif len(text) > 1:
            self.is_padded |= text[0] == "0"
            if len(self.different) < _DIFFERENT:
                self.different.add(text)
        if text[:2] in ("-0", "\u22120"):
            self.is_minus_zero |= len(text) == 2
            self.is_padded |= len(text) > 2


def comma_pattern(texts: Iterable[str], columns: int, names: int, path: Path) -> str:
    """Return how the parts between commas form numbers: as columns, or with fractions.

    Fractions are told by leading zeros (0,025), which integers do not have, and by "-0". The error
    is raised only where fractions are possible.

    Args:
        texts: The lines of samples, which contain no decimal point.
        columns: The number of parts in most lines.
        names: The number of names above the samples, 0 without names.
        path: The file, for errors.

    Returns:
        `PAIRED` and a letter for each part: "n" for an integer or the integer part of a number, "f"
        for the fraction of the part before; "" if all parts are integers.

    Raises:
        RecordError: The lines leave it open.
    """
    parts, ragged = [_Part() for _ in range(columns)], False
    for text in texts:
        cells = text.split(",")
        if '"' in text or len(cells) not in (columns, 1):
            return ""  # quoted cells, or another number of cells, which is reported elsewhere
        ragged |= len(cells) != columns
        for part, cell in zip(parts, cells, strict=False):
            part.add(cell.strip())
        if not any(part.is_digits for part in parts[1:]):
            return ""
    proven = {
        i
        for i in range(1, columns)
        if parts[i].is_digits
        and (parts[i].is_padded or parts[i - 1].is_minus_zero)
        and not parts[i - 1].is_padded
    }
    maybe = {
        i
        for i in range(1, columns)
        if parts[i].is_digits and len(parts[i].different) < _DIFFERENT and i not in proven
    }
    if ragged and not (columns == 2 and proven):
        return ""  # reported elsewhere
    if not proven and (not maybe or names == columns):
        return ""
    found = proven | {i for i in maybe if not {i - 1, i + 1} & (proven | maybe)}
    pattern = "".join("f" if i in found else "n" for i in range(columns))
    is_one_way = "ff" not in pattern and (proven or names == pattern.count("n"))
    if not is_one_way or (names == columns > 2):
        raise _ambiguous(path, "a comma separates columns, or is the decimal sign")
    return PAIRED + pattern


def number_style(texts: Iterable[str], delimiter: str, style: str, path: Path) -> str:
    """Return the decimal sign, and the sign between thousands, of a table's numbers.

    Args:
        texts: The lines of samples.
        delimiter: The delimiter of cells.
        style: The style that fits the first lines; kept if no line contradicts it.
        path: The file, for errors.

    Raises:
        RecordError: The lines leave it open.
    """
    numbers = _Numbers()
    for place, text in enumerate(texts):
        if numbers.tells(text, place):
            numbers.add(map(plain, split(text, delimiter)))
        if len(numbers.settled) > 1:
            break
    if numbers.settled:
        return numbers.settled
    signs = {sign for _, sign in numbers.threes}
    if len(signs) != 1:
        return style  # no sign at all, or both, which no style reads
    (sign,) = signs
    mixed = [count for (column, _), count in numbers.threes.items() if column in numbers.whole]
    if not mixed:
        return sign  # all have three decimals
    if max(mixed) >= _THOUSANDS:
        return {".": ",.", ",": ".,"}[sign]
    raise _ambiguous(path, f"{sign!r} separates thousands, or is the decimal sign")


@dataclass
class _Numbers:
    """What the numbers of a table tell of its decimal sign.

    Attributes:
        settled: The style that a number proves, "" so far.
        threes: The numbers with three digits behind their only sign, by column and sign.
        whole: Columns with integers of three digits.
    """

    settled: str = ""
    threes: Counter[tuple[int, str]] = field(default_factory=Counter)
    whole: set[int] = field(default_factory=set)

    def tells(self, text: str, place: int) -> bool:
        """Return whether a line may tell more."""
        if self.settled:
            return "." in text and "," in text
        return "." in text or "," in text or place < _LOOKED_AT

    def add(self, cells: Iterable[str]) -> None:
        """Take in the cells of a line."""
        for column, cell in enumerate(cells):
            three = _THREE.fullmatch(cell)
            if three:
                self.threes[column, three[1]] += 1
            elif "." in cell or "," in cell:
                told = [s for s in (*STYLES, *GROUPED_STYLES[:2]) if _is_number(cell, s)]
                if len({style[0] for style in told}) == 1 and len(told[0]) >= len(self.settled):
                    self.settled = told[0]
            elif _WHOLE.fullmatch(cell):
                self.whole.add(column)


def is_settled(rows: Iterable[Sequence[str]], style: str) -> bool:
    """Return whether some number in rows tells the decimal sign."""
    cells = (plain(cell) for row in rows for cell in row)
    return any(
        style[0] in cell and not _THREE.fullmatch(cell) and _is_number(cell, style)
        for cell in cells
    )


def _is_number(cell: str, style: str) -> bool:
    return cell.lower() not in MISSING and number(cell, style) is not None


def _ambiguous(path: Path, what: str) -> RecordError:
    return RecordError(
        f"{path.name} can be read in two ways: {what}. Export it with a decimal point, without "
        "thousands separators, and with semicolons or tabs between columns."
    )
