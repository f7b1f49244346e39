"""The roles of a table's columns: times, ECG leads, other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ecgmodel.files._channels import Chosen, choose_leads, find_columns
from ecgmodel.files._ecg import Hints
from ecgmodel.files._rates import is_index, is_time, time_unit
from ecgmodel.support.units import split_unit


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: Its name, "" without one.
        unit: A unit given separately from the name, None without one.
        numeric: Whether it contains numbers.
        rising: Whether its numbers ascend evenly, like times and sample indices.
        timed: Whether it may be times: clock times that change, or numbers that do not count.
        bits: Resolution of its ADC if the file states it.
        typed: Whether the file states that its sensor is an ECG.
    """

    name: str
    unit: str | None = None
    numeric: bool = True
    rising: bool = False
    timed: bool = True
    bits: int | None = None
    typed: bool = False


@dataclass(frozen=True)
class Roles:
    """The roles of a table's columns.

    Attributes:
        leads: Indices of the ECG leads.
        names: Names of the leads, without units.
        units: Units of the leads, None if unknown.
        time: Index of the column of times, None without one.
        seconds: Unit of the times, s; None if unknown.
        other: Names of all other columns.
        declared: Whether each lead is an ECG whatever its samples look like.
        remarks: Remarks on the choice.
    """

    leads: tuple[int, ...]
    names: tuple[str, ...]
    units: tuple[str | None, ...]
    time: int | None
    seconds: float | None
    other: tuple[str, ...]
    declared: tuple[bool, ...]
    remarks: tuple[str, ...]


def find_roles(
    columns: Sequence[Column], hints: Hints, path: Path, unit: str | None = None
) -> Roles:
    """Return the roles of a table's columns.

    Args:
        columns: The columns.
        hints: Information from the user.
        path: The file, for errors.
        unit: A unit that the file states for all leads.

    Raises:
        HintNeededError: No ECG leads were recognised.
    """
    split = [split_unit(column.name) for column in columns]
    plain = [name for name, _ in split]
    units = [column.unit or found for column, (_, found) in zip(columns, split, strict=True)]
    time, unnamed = _time(columns, plain, hints, path)
    shown = [column.name or f"column {i + 1}" for i, column in enumerate(columns)]
    if hints.columns:
        leads = find_columns(shown, hints.columns, path)
        chosen = Chosen(leads, (True,) * len(leads))
    else:
        usable = [
            i
            for i, column in enumerate(columns)
            if column.numeric and i != time and i not in unnamed and not _counts(column, plain[i])
        ]
        names = [name or one for name, one in zip(plain, shown, strict=True)]
        typed = [i for i in usable if columns[i].typed]
        chosen = choose_leads(names, units, hints, path, usable, typed)
    seconds = None if time is None else time_unit(plain[time], units[time])
    return Roles(
        leads=chosen.leads,
        names=_unique([plain[i] or shown[i] for i in chosen.leads]),
        units=tuple(units[i] or unit for i in chosen.leads),
        time=time,
        seconds=seconds,
        other=tuple(name for i, name in enumerate(shown) if i not in chosen.leads),
        declared=chosen.declared,
        remarks=chosen.remarks,
    )


def _time(
    columns: Sequence[Column], plain: Sequence[str], hints: Hints, path: Path
) -> tuple[int | None, set[int]]:
    """Return the column of times, and unnamed columns that are sample indices."""
    unnamed = {i for i, column in enumerate(columns) if not column.name and column.rising}
    if hints.time_column is not None:
        names = [column.name or f"column {i + 1}" for i, column in enumerate(columns)]
        return find_columns(names, [hints.time_column], path, "--time-column")[0], unnamed
    times = [i for i, name in enumerate(plain) if name and is_time(name)]
    # A date has a time beside it; an index of pandas has no name.
    best = [i for i in times if columns[i].timed] or times
    index = columns[0]
    if not best and not index.name and index.timed and (index.rising or not index.numeric):
        best = [0]
    return (best[0] if best else None), unnamed | set(times)


def _counts(column: Column, plain: str) -> bool:
    return bool(column.name) and (is_index(plain) or is_time(plain))


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(n if names.count(n) == 1 else f"{n}_{i + 1}" for i, n in enumerate(names))
