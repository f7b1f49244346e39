"""Recognition of ECG leads among the channels of a recording, by name and unit."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ecgmodel.errors import HintNeededError, LeadsNeededError
from ecgmodel.files._ecg import Hints
from ecgmodel.files._lead_names import Meaning, is_axis, is_easi, is_on_head, meaning
from ecgmodel.signals.leads import standard_name
from ecgmodel.support.units import LONGEST_NAME, millivolts, plain_unit, split_unit

# A set that says by itself that these are ECG leads, whatever the samples look like.
_FULL_SETS = (
    frozenset(("i", "ii", "iii", "avr", "avl", "avf")),
    frozenset(("i", "ii", "v1", "v2", "v3", "v4", "v5", "v6")),
)
_EASI_LEADS = 3


@dataclass(frozen=True)
class Chosen:
    """The ECG leads among the channels of a recording.

    Attributes:
        leads: Indices of the channels, in the file's order.
        declared: Whether each is an ECG whatever its samples look like.
        remarks: Remarks on the choice.
    """

    leads: tuple[int, ...]
    declared: tuple[bool, ...]
    remarks: tuple[str, ...] = ()


def find_columns(
    names: Sequence[str], wanted: Sequence[str | int], path: Path, option: str = "--column"
) -> tuple[int, ...]:
    """Return the indices of columns given by name or number (from 1).

    Raises:
        HintNeededError: There is no such column, or several have its name.
    """
    found = []
    plain = [split_unit(name)[0].lower() for name in names]
    for column in wanted:
        text = str(column).strip()
        places = [i for i, name in enumerate(names) if name == text] or [
            i for i, name in enumerate(plain) if name == text.lower()
        ]
        if not places and text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= len(names):
            places = [int(text) - 1]
        if len(places) != 1:
            what = f"{len(places)} columns have the name" if places else "there is no column"
            raise HintNeededError(
                option,
                f"{path.name}: {what} {text!r}. Give {option} a number from 1, or one of "
                f"{listed(names)}.",
            )
        found += places
    return tuple(dict.fromkeys(found))


def choose_leads(
    names: Sequence[str],
    units: Sequence[str | None],
    hints: Hints,
    path: Path,
    usable: Collection[int] | None = None,
    typed: Collection[int] = (),
) -> Chosen:
    """Return the channels that are ECG leads: those named by the user, or by the file.

    Without the user's word, a channel is a lead if the format's own type says so, or if it has the
    name of one (`ecgmodel.files._lead_names`), and no other unit than a voltage. A name that other
    signals have too ("I", "X", "C1") counts beside leads with standard names. A signal that is
    alone in its file needs no name, unless it has that of something else.

    Args:
        names: Names of the channels, "" without one.
        units: Their units, None if unknown.
        hints: Information from the user.
        path: The file, for errors.
        usable: Indices of the channels that hold samples, None if all do.
        typed: Indices of the channels that the format declares an ECG.

    Raises:
        HintNeededError: A name that the user gave is no channel's.
        LeadsNeededError: No ECG leads were recognised.
    """
    names = [name[:LONGEST_NAME] for name in names]
    if hints.columns:
        named = find_columns(names, hints.columns, path)
        return Chosen(named, (True,) * len(named))
    usable = range(len(names)) if usable is None else usable
    free = [i for i in usable if not plain_unit(units[i]) or millivolts(units[i])]
    found = sorted(leads_by_name(names, units, free) | set(typed))
    if not found and len(free) == 1 and _may_be_alone(names[free[0]], units[free[0]]):
        remark = f"taken as ECG, the only signal: {listed_at(names, free)}"
        return Chosen(tuple(free), (False,), (remark,))
    if not found:
        raise LeadsNeededError(
            f"{path.name}: no column says that it is an ECG lead. Name the leads with --column "
            f"(names or numbers from 1). Columns: {listed_at(names, sorted(usable))}.",
            [i + 1 for i in free if meaning(names[i]) is not Meaning.OTHER],
        )
    present = {standard_name(names[i]) for i in found}
    is_full = any(full <= present for full in _FULL_SETS)
    left = [i for i in free if i not in found and millivolts(units[i])]
    remark = f"{listed_at(names, left)}: not recognised as ECG; name with --column to clean"
    declared = tuple(is_full or i in typed for i in found)
    return Chosen(tuple(found), declared, (remark,) if left else ())


def _may_be_alone(name: str, unit: str | None) -> bool:
    """Return whether a signal that is alone in its file is taken for an ECG."""
    what = meaning(name)
    return what is Meaning.GENERIC or (what is Meaning.PERHAPS and bool(millivolts(unit)))


def leads_by_name(
    names: Sequence[str], units: Sequence[str | None], among: Iterable[int]
) -> set[int]:
    """Return the channels whose names, units and companions say that they are leads.

    Args:
        names: Names of all channels.
        units: Their units, None if unknown.
        among: Indices of the channels that may be leads by their units.
    """
    meanings = {i: meaning(names[i]) for i in among}
    leads = {i for i, what in meanings.items() if what in (Meaning.LEAD, Meaning.ECG)}
    leads |= {i for i in meanings if meanings[i] is Meaning.ECG_AND and millivolts(units[i])}
    if any(map(is_on_head, names)):
        return leads
    perhaps = [i for i, what in meanings.items() if what is Meaning.PERHAPS]
    in_volts = {i for i in perhaps if millivolts(units[i])}
    easi = {i for i in in_volts if is_easi(names[i])}
    if not any(what is Meaning.LEAD for what in meanings.values()):
        return leads | (easi if len(easi) == _EASI_LEADS else set())
    without = {i for i in perhaps if not is_axis(names[i])}
    return leads | in_volts | (set() if any(map(plain_unit, units)) else without)


def listed_at(names: Sequence[str], places: Sequence[int]) -> str:
    """Return the names at these indices for a message."""
    return listed([names[i] for i in places])


def listed(names: Sequence[str], most: int = 12) -> str:
    """Return names for a message, truncated in number and length."""
    shown = [repr(name if len(name) <= 40 else f"{name[:37]}...") for name in names[:most]]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(shown) + more
