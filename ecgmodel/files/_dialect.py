"""The dialect of a text table: delimiter, decimal sign, lines with names and units."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ecgmodel.errors import RecordError
from ecgmodel.files._header_rates import names_rate, stated_rates
from ecgmodel.files._program_headers import program_header
from ecgmodel.files._rates import time_unit
from ecgmodel.files._separators import (
    GROUPED_STYLES,
    STYLES,
    comma_pattern,
    data_lines,
    is_settled,
    number_style,
)
from ecgmodel.files._tables import Column
from ecgmodel.files._text import (
    PAIRED,
    WHITESPACE,
    Encoding,
    encoding_of,
    is_clock,
    is_comment,
    lines,
    number,
    plain,
    seconds,
    split,
)
from ecgmodel.support.units import LONGEST_NAME, millivolts

_LOOKED_AT = 500
_ROWS = 20  # fewer lines of numbers are no recording
_DELIMITERS = ("\t", ";", ",", "|", WHITESPACE)
_DIGITS = re.compile(r"[-+\u2212\d\s.,:;|]*\d[-+\u2212\d\s.,:;|]*")
_UNIT = re.compile(r"^\W*units?\W{1,4}(\w{1,12}|\S{1,3})\W*$", re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """The dialect of a table.

    Attributes:
        encoding: Encoding of the file.
        delimiter: Delimiter of cells; a space means any white space.
        decimal: Decimal sign, "." or ",", and the sign between thousands, if any.
        first: Number of lines before the first sample.
        columns: The columns.
        rates: Sampling rates stated above the table, Hz; ambiguous if there is more than one.
        fs: Sampling rate that a recording program's header states, Hz; None without one.
        unit: Unit stated above the table, None without one.
        clock: For each column, whether it contains clock times.
        decimals: Largest number of decimal places seen.
    """

    encoding: Encoding
    delimiter: str
    decimal: str
    first: int
    columns: tuple[Column, ...]
    rates: tuple[float, ...]
    fs: float | None
    unit: str | None
    clock: tuple[bool, ...]
    decimals: int


@dataclass(frozen=True)
class _Parse:
    """The first lines of a table, split by one delimiter."""

    delimiter: str
    decimal: str
    rows: list[list[str]]
    first: int

    @property
    def data(self) -> list[list[str]]:
        return [row for row in self.rows[self.first :] if row]

    @property
    def score(self) -> tuple[float, bool, int, int, bool]:
        """The quality of the parse: share of numbers, a line of names, columns, rows.

        With integers only, semicolons as delimiter favour a decimal comma.
        """
        cells = [cell for row in self.data for cell in row]
        known = sum(seconds(cell, self.decimal) is not None for cell in cells)
        names = bool(self.first) and len(self.rows[self.first - 1]) == len(self.data[0])
        columns = len(self.data[0])
        european = (self.delimiter, self.decimal) == (";", ",") and columns > 1
        return round(known / len(cells), 3), names, columns, len(self.data), european


def find_dialect(path: Path) -> Dialect:
    """Return the dialect of a table.

    Raises:
        RecordError: The file is not a table of numbers.
    """
    encoding = encoding_of(path)
    head = list(itertools.islice(lines(path, encoding), _LOOKED_AT))
    texts = [line.rstrip("\r\n") for line in head]
    best = _best(texts)
    if best is None:
        raise RecordError(
            f"{path.name} is not a table of numbers. Expected one line per sample, with numbers "
            "separated by commas, semicolons, tabs or spaces. Found no line of numbers at the end "
            f"of its first {len(texts)} lines."
        )
    best = _settled(best, texts, path, encoding)
    _check_above(best, path)
    names, units, above = _above(best, texts)
    program = program_header(texts[: best.first], len(best.data[0]))
    if program:
        names, units = list(program.names), list(program.units)
    if program and program.counts and _is_count(best.data):
        best = replace(best, first=best.first + 1)
    data = best.data
    return Dialect(
        encoding=encoding,
        delimiter=best.delimiter,
        decimal=best.decimal,
        first=best.first,
        columns=tuple(
            _column(name, unit, [row[i] for row in data], best.decimal)
            if program is None
            else replace(
                _column(name, unit, [row[i] for row in data], best.decimal),
                bits=program.bits[i],
                typed=name in program.ecg,
            )
            for i, (name, unit) in enumerate(zip(names, units, strict=True))
        ),
        rates=stated_rates(above),
        fs=program.fs if program else None,
        unit=next((u for line in above if (u := _unit(line)) and millivolts(u)), None),
        clock=tuple(all(is_clock(row[i]) for row in data[:20]) for i in range(len(data[0]))),
        decimals=max(_decimals(cell, best.decimal) for row in data for cell in row),
    )


def _parses(texts: Sequence[str], styles: Sequence[str]) -> list[_Parse]:
    """Return all parses of lines; a comma separates columns and decimals only beside quotes."""
    quoted = any('"' in text for text in texts)
    return [
        parse
        for delimiter, style in itertools.product(_DELIMITERS, styles)
        if (delimiter not in style or (quoted and delimiter == ","))
        and (parse := _parse(texts, delimiter, style))
    ]


def _settled(parse: _Parse, texts: Sequence[str], path: Path, encoding: Encoding) -> _Parse:
    """Return the parse that all lines of a file prove.

    Raises:
        RecordError: They leave the meaning of a comma or point open.
    """
    if is_settled(parse.data, parse.decimal):
        return parse
    first = min(_number_lines(texts), default=parse.first)
    below = data_lines(path, encoding, max(first, 0))
    if parse.delimiter != ",":
        style = number_style(below, parse.delimiter, parse.decimal, path)
        return _parse(texts, parse.delimiter, style) or parse
    pattern = comma_pattern(below, len(parse.data[0]), _names_above(texts, first), path)
    if pattern == f"{PAIRED}nf":
        return _parse(texts, ";", ",") or parse  # one column, in which integers have no comma
    return (_parse(texts, pattern, ",") if pattern else None) or parse


def _number_lines(texts: Sequence[str]) -> list[int]:
    """Return the last lines that consist of digits and separators only, without gaps."""
    found = []
    for i in range(len(texts) - 1, -1, -1):
        if texts[i].strip() and not _DIGITS.fullmatch(texts[i]):
            break
        found += [i] if texts[i].strip() else []
    return found


def _names_above(texts: Sequence[str], first: int) -> int:
    """Return the number of cells of the line just above the samples; 0 if it is a fact."""
    above = texts[first - 1] if first else ""
    if not above.strip() or names_rate(above) or _unit(above):
        return 0
    return len(_cells(above, ","))


def _parse(texts: Sequence[str], delimiter: str, decimal: str) -> _Parse | None:
    """Split lines into cells and find the first sample; None if there are no samples."""
    try:
        rows = [split(text, delimiter) if text.strip() else [] for text in texts]
    except ValueError:
        return None
    last = next((i for i in range(len(rows) - 1, -1, -1) if rows[i]), None)
    if last is None or not _is_data(rows[last], len(rows[last]), decimal):
        return None
    first = last
    for i in range(last, -1, -1):
        if is_comment(texts[i]) or (rows[i] and not _is_data(rows[i], len(rows[last]), decimal)):
            break
        first = i if rows[i] else first
    parse = _Parse(delimiter, decimal, rows, first)
    return _Parse(delimiter, decimal, rows, first + _numbered(parse))


def _is_data(row: Sequence[str], count: int, decimal: str) -> bool:
    found = (number(cell, decimal) for cell in row)
    return len(row) == count and any(value is not None and value == value for value in found)


def is_table(path: Path) -> bool:
    """Return whether the first lines of a text file contain a table of numbers, as of samples."""
    try:
        head = itertools.islice(lines(path, encoding_of(path)), _LOOKED_AT)
        texts = [line.rstrip("\r\n") for line in head]
    except (OSError, RecordError):
        return False
    best = _best(texts)
    return best is not None and len(best.data) >= _ROWS and best.score[0] >= 0.5


def _best(texts: Sequence[str]) -> _Parse | None:
    """Return the best parse of lines, None if none has samples.

    Separators between thousands are tried where numbers without do not fit all lines.
    """
    parses = _parses(texts, STYLES)
    best = max(parses, key=lambda parse: parse.score, default=None)
    if best and best.score[0] == 1 and not _is_broken(best):
        return best
    if best and best.score[0] == 1:  # spaces between thousands look like further columns
        parses = []
    parses += _parses(texts, GROUPED_STYLES)
    grouped = max(parses, key=lambda parse: parse.score, default=None)
    if grouped is None or (best and best.score[0] == 1 and not _is_better(grouped)):
        return best
    return grouped


def _is_better(parse: _Parse) -> bool:
    return parse.score[0] == 1 and len(parse.data[0]) > 1 and not _is_broken(parse)


def _check_above(parse: _Parse, path: Path) -> None:
    """Raise an error for a malformed line among the samples, which looks like a line of names.

    Raises:
        RecordError: Lines above it contain samples too.
    """
    if _is_broken(parse):
        broken = [cell[:20] for cell in parse.rows[parse.first - 1][:5]]
        raise RecordError(
            f"{path.name}, line {parse.first}: expected {len(parse.data[-1])} cells with numbers, "
            f"as in the lines above. Received: {broken}. Correct the line."
        )


def _is_broken(parse: _Parse) -> bool:
    """Return whether lines above the samples contain samples too."""
    sample = parse.data[-1]
    filled = [i for i, cell in enumerate(sample) if _is_data([cell], 1, parse.decimal)]
    return any(
        len(row) == len(sample) and all(_is_data([row[i]], 1, parse.decimal) for i in filled)
        for row in parse.rows[: max(0, parse.first - 1)]
    )


def _numbered(parse: _Parse) -> int:
    """Return 1 if the first line numbers the columns (0, 1, 2), as written by pandas, else 0."""
    row = [plain(cell) for cell in parse.data[0]]
    counted = row[1:] if row and not row[0] else row
    from_zero = counted == [str(i) for i in range(len(counted))] and counted
    below = [cell for row in parse.data[1:] for cell in row]
    broken = any(parse.decimal[0] in cell for cell in below)
    return int(bool(from_zero and broken and len(row) > 1))


def _above(parse: _Parse, texts: Sequence[str]) -> tuple[list[str], list[str | None], list[str]]:
    """Return names and units of the columns, and the lines above them."""
    count = len(parse.data[0])
    above = [(i, _cells(texts[i], parse.delimiter)) for i in range(parse.first) if texts[i].strip()]
    fitting = [(i, cells) for i, cells in above[-2:] if len(cells) in (count, count - 1)]
    fitting = fitting if fitting and fitting[-1][0] == above[-1][0] else []
    units: list[str | None] = [None] * count
    names, top = [""] * count, parse.first
    if len(fitting) == 2 and any(_is_unit(cell) for cell in fitting[1][1]):
        top, names = fitting[0]
        units = [unit or None for unit in _padded(fitting[1][1], count)]
    elif fitting:
        top, names = fitting[-1]
    if top < parse.first and (names_rate(texts[top]) or _unit(texts[top])):
        names, top = [""] * count, parse.first  # e.g. "Sample rate,512 hertz"
    return _padded(names, count), units, list(texts[:top])


def _is_count(data: Sequence[Sequence[str]]) -> bool:
    """Return whether the first line has the length of each channel, but no time."""
    first = [plain(cell) for cell in data[0]]
    counts = {cell for cell in first if cell}
    return len(data) > 1 and len(counts) == 1 and not first[0] and bool(plain(data[1][0]))


def _cells(text: str, delimiter: str) -> list[str]:
    delimiter = "," if delimiter.startswith(PAIRED) else delimiter
    try:
        return [plain(cell) for cell in split(text.lstrip("# "), delimiter)]
    except ValueError:
        return []


def _padded(cells: Sequence[str], count: int) -> list[str]:
    return [*cells, *[""] * (count - len(cells))]


def _is_unit(cell: str) -> bool:
    return bool(millivolts(cell)) or (bool(cell) and time_unit("", cell) is not None)


def _column(name: str, unit: str | None, cells: Sequence[str], decimal: str) -> Column:
    values = [number(cell, decimal) for cell in cells]
    numeric = all(value is not None for value in values)
    steps = [b - a for a, b in itertools.pairwise(v for v in values if v is not None)]
    rising = len(steps) > 1 and min(steps) > 0 and max(steps) <= 2.01 * min(steps)
    moments = [seconds(cell, decimal) for cell in cells[:20]] if not numeric else []
    timed = len(set(moments)) > 1 and None not in moments and all(map(is_clock, cells[:20]))
    whole = rising and all(step == int(step) for step in steps)
    return Column(name, unit, numeric, numeric and rising, timed or (numeric and not whole))


def _unit(line: str) -> str | None:
    found = _UNIT.match(line[:LONGEST_NAME])
    return found[1] if found else None


def _decimals(cell: str, decimal: str) -> int:
    text, sign = plain(cell), decimal[0]
    if sign not in text or number(text, decimal) is None:
        return 0
    return len(re.split("[eE]", text.partition(sign)[2])[0]) + (8 if "e" in text.lower() else 0)
