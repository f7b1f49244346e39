"""Text tables: a line per sample, cells separated by commas, semicolons, tabs, bars or spaces."""

from __future__ import annotations

import csv
import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import RecordError
from ecgmodel.files._amplitude import Scaled, to_millivolts
from ecgmodel.files._comments import AT_END, comment_place
from ecgmodel.files._dialect import Dialect, find_dialect
from ecgmodel.files._ecg import (
    AdcRange,
    Hints,
    Recording,
    check_rate,
    check_shape,
    table_rate_remark,
)
from ecgmodel.files._limits import check_file
from ecgmodel.files._rates import ask_rate, rate_of_times
from ecgmodel.files._tables import Roles, find_roles
from ecgmodel.files._text import (
    is_comment,
    lines,
    number,
    opened,
    replaced,
    seconds,
    split,
    written,
)
from ecgmodel.support import samples
from ecgmodel.support.samples import LazySamples, Samples, gathered, spans

LABEL = "text table"
SUFFIXES = (".csv", ".tsv", ".tab", ".txt")
# Cleaned samples are written with a resolution of 10 nV or finer, below one ADC unit.
STEP_MV, MOST_DECIMALS = 1e-5, 9
_DAY_S = 86_400.0


def read(path: Path, hints: Hints) -> Recording:
    """Read a table. See `ecgmodel.files.read_ecg`.

    Names and units are taken from one or two lines above the samples ("ECG (mV)", "MLII_uV", or a
    line of units as written by PhysioNet), the rate from a column of times or from a line such as
    "Sample Rate,512 hertz". Empty cells and words such as "NaN" or "-" are missing samples.

    Raises:
        HintNeededError: Rate, unit or leads are unknown.
        RecordError: The file is not a table, a cell is not a number, or the times have gaps.
    """
    check_file(path)
    dialect = find_dialect(path)
    roles = find_roles(dialect.columns, hints, path, dialect.unit)
    raw, times = _numbers(path, dialect, roles, hints.fs is None)
    scaled = to_millivolts(raw, roles.units, roles.names, hints, path)
    fs, remarks = _rate(path, dialect, roles, hints, times)
    return Recording(
        signal=scaled.signal,
        fs=check_rate(fs, path),
        leads=roles.names,
        adc_ranges=_adc_ranges(dialect, roles, scaled),
        other=roles.other,
        remarks=(*roles.remarks, *scaled.remarks, *remarks),
        hints=hints,
        declared=roles.declared,
    )


def rewrite(source: Path, ecg: Recording, into: Path, comment: str) -> None:
    """Write a copy of a table with other numbers in the leads; all other text is kept verbatim.

    Cells whose number did not change are kept too. If the table has comments (lines starting with
    #), one is added where other programs still find its header: see `comment_place`.
    """
    dialect = find_dialect(source)
    roles = find_roles(dialect.columns, ecg.hints, source, dialect.unit)
    raw, _ = _numbers(source, dialect, roles, False)
    scaled = to_millivolts(raw, roles.units, roles.names, ecg.hints, source)
    check_shape(ecg, scaled.signal.shape, source)
    cells = _new_cells(scaled, ecg.signal, dialect, roles)
    place = comment_place(source, dialect) if comment else None
    end = "\n"
    with opened(into / source.name, dialect.encoding, "w") as file:
        for number_of, (line, is_sample) in enumerate(_marked(source, dialect)):
            text = line.rstrip("\r\n")
            end = line[len(text) :]
            if number_of == place:
                file.write(f"# {comment}{end or chr(10)}")
            if is_sample and (new := next(cells)):
                line = replaced(text, dialect.delimiter, new) + end
            file.write(line)
        if place == AT_END:
            file.write(f"{'' if end else chr(10)}# {comment}{end}")


def _new_cells(
    old: Scaled, new: Samples, dialect: Dialect, roles: Roles
) -> Iterator[dict[int, str]]:
    """Yield the text of each sample's changed cells, by column."""
    decimals = [min(MOST_DECIMALS, max(dialect.decimals, _least(s))) for s in old.scales]
    for part in spans(new.shape):
        before, after = old.signal[part], new[part]
        kept = (before == after) | (np.isnan(before) & np.isnan(after))
        values = after / np.asarray(old.scales)
        for row in range(len(after)):
            yield {
                column: written(values[row, i], decimals[i], dialect.decimal)
                for i, column in enumerate(roles.leads)
                if not kept[row, i]
            }


def write(name: str, ecg: Recording, into: Path, comment: str) -> None:
    """Write a new comma-separated table: times in s (to 1 us), one column per lead in mV."""
    decimals = _least(1.0)
    with (into / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["time (s)", *(f"{lead} (mV)" for lead in ecg.leads)])
        for part in spans(ecg.signal.shape):
            for row, sample in enumerate(ecg.signal[part].tolist(), part.start):
                cells = [written(value, decimals, ".") for value in sample]
                table.writerow([f"{row / ecg.fs:.6f}", *cells])


def _marked(path: Path, dialect: Dialect) -> Iterator[tuple[str, bool]]:
    """Yield all lines of a file, and whether each contains a sample."""
    for place, line in enumerate(lines(path, dialect.encoding)):
        filled = bool(line.strip()) and not is_comment(line)
        yield line, place >= dialect.first and filled


def _numbers(
    path: Path, dialect: Dialect, roles: Roles, by_times: bool
) -> tuple[Samples, Samples | None]:
    """Return the leads `(samples, leads)` and the times `(samples, 1)` of a table.

    Args:
        path: The table.
        dialect: Its dialect.
        roles: The roles of its columns.
        by_times: Whether the rate is taken from the times; if not, unreadable times are ignored.

    Raises:
        RecordError: A line has another number of cells, or a cell is not a number.
    """
    leads, timed = len(roles.leads), roles.time is not None
    read = gathered(_pieces(path, dialect, roles, by_times), leads + timed)
    if not timed:
        return read, None
    raw = LazySamples((len(read), leads), lambda start, stop: read[start:stop][:, :leads])
    times = LazySamples((len(read), 1), lambda start, stop: read[start:stop][:, leads:])
    is_read = len(read) > 0 and not np.isinf(times[-1:]).any()
    return raw, times if is_read else None


def _pieces(
    path: Path, dialect: Dialect, roles: Roles, by_times: bool
) -> Iterator[NDArray[np.float64]]:
    """Yield leads and times in pieces; from an unreadable time on, times are infinite."""
    decimal, columns = dialect.decimal, len(roles.leads) + (roles.time is not None)
    clock = _Clock(path, dialect, roles.time, by_times) if roles.time is not None else None
    values = array("d")
    for place, cells in _rows(path, dialect):
        for column in roles.leads:
            values.append(_value(number(cells[column], decimal), path, place, cells[column]))
        if clock:
            values.append(clock.read(cells, place))
        if len(values) >= samples.PIECE:
            yield np.array(values).reshape(-1, columns)
            del values[:]
    yield np.array(values).reshape(-1, columns)


def _rows(path: Path, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the cells of each sample.

    Raises:
        RecordError: A line has another number of cells.
    """
    count = len(dialect.columns)
    for place, (line, is_sample) in enumerate(_marked(path, dialect), 1):
        if not is_sample:
            continue
        try:
            cells = split(line.rstrip("\r\n"), dialect.delimiter)
        except ValueError as error:
            raise RecordError(f"{path.name}, line {place}: {error}.") from error
        if len(cells) != count:
            raise RecordError(
                f"{path.name}, line {place}: expected {count} cells, as in the lines above. "
                f"Received {len(cells)}. The file may be truncated; correct the line or export the "
                "file again."
            )
        yield place, cells


@dataclass
class _Clock:
    """Reads a column of times; clock times restart at midnight.

    Attributes:
        path: The table.
        dialect: Its dialect.
        column: The column.
        by_times: Whether the rate is taken from the times; if not, unreadable times are ignored.
        before: The previous time, None before the first, infinite after an unreadable one.
        days: Time of the midnights so far, s.
    """

    path: Path
    dialect: Dialect
    column: int
    by_times: bool
    before: float | None = None
    days: float = 0.0

    def read(self, cells: Sequence[str], place: int) -> float:
        """Return the time of a line.

        Raises:
            RecordError: It is not a time.
            HintNeededError: The first one is not.
        """
        cell = cells[self.column]
        moment = None if self.before == math.inf else seconds(cell, self.dialect.decimal)
        if moment is None and not self.by_times:
            self.before = math.inf
            return math.inf
        if moment is None and self.before is None:
            raise ask_rate(self.path, unread=cell)
        now = _value(moment, self.path, place, cell)
        is_clock = self.dialect.clock[self.column]
        if is_clock and self.before is not None and now - self.before < -_DAY_S / 2:
            self.days += _DAY_S
        self.before = now
        return now + self.days


def _value(found: float | None, path: Path, place: int, cell: str) -> float:
    if found is None:
        raise RecordError(
            f"{path.name}, line {place}: expected a number. Received: {cell[:40]!r}. Correct it, "
            "or leave the cell empty for a missing sample."
        )
    return found


def _rate(
    path: Path,
    dialect: Dialect,
    roles: Roles,
    hints: Hints,
    times: Samples | None,
) -> tuple[float, tuple[str, ...]]:
    """Return the sampling rate, and a remark if it was chosen or assumed."""
    if hints.fs is not None:
        untold = replace(hints, fs=None)
        return hints.fs, table_rate_remark(
            hints.fs, lambda: _rate(path, dialect, roles, untold, times)[0]
        )
    if dialect.fs is not None:
        return dialect.fs, ()
    if times is None or roles.time is None:
        if len(dialect.rates) != 1:
            raise ask_rate(path, dialect.rates)
        return dialect.rates[0], ()
    unit = 1.0 if dialect.clock[roles.time] else roles.seconds
    fs = rate_of_times(times, unit, path)
    name = dialect.columns[roles.time].name
    return fs, () if unit else (f"{name} has no unit; {fs:g} Hz is the only usual rate",)


def _adc_ranges(dialect: Dialect, roles: Roles, scaled: Scaled) -> tuple[AdcRange, ...]:
    """Return each lead's ADC range, mV, if the file states the resolution of unsigned samples."""
    bits = [dialect.columns[i].bits for i in roles.leads]
    return tuple(
        (0.0, (2**each - 1) * scale) if each else None
        for each, scale in zip(bits, scaled.scales, strict=True)
    )


def _least(scale: float) -> int:
    """Return the minimum number of decimal places for a unit of `scale` mV."""
    return max(0, math.ceil(math.log10(scale / STEP_MV)))
