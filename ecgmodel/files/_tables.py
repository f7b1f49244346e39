"""What the columns of a table are: times, ECG leads, anything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ecgmodel.files._channels import choose_leads, find_columns
from ecgmodel.files._ecg import Hints
from ecgmodel.files._rates import is_index, is_time, time_unit
from ecgmodel.support.units import split_unit


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: As the table calls it, "" where it does not.
        unit: A unit that stands apart from the name, None for none.
        numeric: Whether it holds numbers.
        rising: Whether its numbers rise evenly, as those of times and samples do.
    """

    name: str
    unit: str | None = None
    numeric: bool = True
    rising: bool = False


@dataclass(frozen=True)
class Roles:
    """What each column of a table is for.

    Attributes:
        leads: The columns of the ECG leads.
        names: Names of the leads, without units.
        units: Their units, None where none is told.
        time: The column that times are read from, None for none.
        seconds: How many seconds one of its numbers is, None where it does not say.
        other: Names of all other columns.
        remarks: What to tell of them.
    """

    leads: tuple[int, ...]
    names: tuple[str, ...]
    units: tuple[str | None, ...]
    time: int | None
    seconds: float | None
    other: tuple[str, ...]
    remarks: tuple[str, ...]


def find_roles(
    columns: Sequence[Column], hints: Hints, path: Path, unit: str | None = None
) -> Roles:
    """Return what a table's columns are for.

    Args:
        columns: The columns.
        hints: What the user says.
        path: The file, for errors.
        unit: The unit of the leads, where the file says it once for all.

    Raises:
        HintNeededError: It cannot be told which are ECG leads.
    """
    split = [split_unit(column.name) for column in columns]
    plain = [name for name, _ in split]
    units = [column.unit or found for column, (_, found) in zip(columns, split, strict=True)]
    time, unnamed = _time(columns, plain, hints, path)
    shown = [column.name or f"column {i + 1}" for i, column in enumerate(columns)]
    if hints.columns:
        leads = find_columns(shown, hints.columns, path)
        remarks: tuple[str, ...] = ()
    else:
        free = [
            i
            for i, column in enumerate(columns)
            if column.numeric and i != time and i not in unnamed and not _counts(column, plain[i])
        ]
        names = [plain[i] or shown[i] for i in free]
        chosen = choose_leads(names, [units[i] for i in free], hints, path)
        leads, remarks = tuple(free[i] for i in chosen.leads), chosen.remarks
    seconds = None if time is None else time_unit(plain[time], units[time])
    return Roles(
        leads=leads,
        names=_unique([plain[i] or shown[i] for i in leads]),
        units=tuple(units[i] or unit for i in leads),
        time=time,
        seconds=seconds,
        other=tuple(name for i, name in enumerate(shown) if i not in leads),
        remarks=remarks,
    )


def _time(
    columns: Sequence[Column], plain: Sequence[str], hints: Hints, path: Path
) -> tuple[int | None, set[int]]:
    """Return the column of times, and columns without a name that number the samples."""
    unnamed = {i for i, column in enumerate(columns) if not column.name and column.rising}
    if hints.time_column is not None:
        names = [column.name or f"column {i + 1}" for i, column in enumerate(columns)]
        return find_columns(names, [hints.time_column], path, "--time-column")[0], unnamed
    times = [i for i, name in enumerate(plain) if name and is_time(name)]
    return (times[0] if times else None), unnamed | set(times)


def _counts(column: Column, plain: str) -> bool:
    return bool(column.name) and (is_index(plain) or is_time(plain))


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(n if names.count(n) == 1 else f"{n}_{i + 1}" for i, n in enumerate(names))
