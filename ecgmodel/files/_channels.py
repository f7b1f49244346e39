"""Recognition of ECG leads among the channels of a recording, by name and unit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ecgmodel.errors import HintNeededError
from ecgmodel.files._ecg import Hints
from ecgmodel.support.units import LONGEST_NAME, millivolts, plain_unit, split_unit

# Standard leads, those of Holter recordings (MLII, CM5, CC5, ML5) and Frank's with their V.
_LEAD = (
    r"(?:mod[. _]*|lead[ _]*|ml|m|d)?(?:i{1,3}|a?v[rlf]|v(?:1[0-2]|[1-9])?r?|v[xyz]|[1-3])"
    r"|c[mcbrs]\d|ml\d|d[1-4]|e[sai]|a[si]"
)
_ECG = re.compile(rf"(?:.*(?:ecg|ekg|electrocardio).*|{_LEAD})", re.IGNORECASE)
_BARE = re.compile(r"[1-3]")
_ABOUT_ECG = re.compile(r".*(?:quality|label|annot|class|peak|rate|time|sqi|_id).*", re.IGNORECASE)
# Signal types of the EDF+ standard that are also in volts, and other columns of tables.
_OTHER = re.compile(
    r"(?:eeg|eog|emg|erg|meg|mcg|ep|ecog|seeg|gsr|eda|emgi?|resp\w*|ppg|pleth\w*|abp|art|bp|cvp|pap"
    r"|icp|spo2|sao2|pulse|temp\w*|hr|heart ?rate|rr|qrs|acc\w*|gyr\w*|mag\w*|light|sound|event\w*"
    r"|annot\w*|label\w*|class\w*|beat\w*|marker\w*|trigger|status|quality|sqi|id|patient\w*"
    r"|record\w*|age|sex|counter|battery)(?:[^a-z].*)?"
    # Electrodes of the 10-20 system and of sleep studies.
    r"|(?:fp|af|fc|ft|cp|tp|po|f|c|t|p|o)(?:z|\d{1,2})(?:[-:/ ].*)?|[am][12]|chin.*|[lr]leg.*|leg.*"
    r"|[lr]oc.*|e[12](?:[-:/ ].*)?|snor\w*|flow|airflow|thor\w*|abdo?\w*|nasal.*|cannula.*"
    r"|position.*",
    re.IGNORECASE,
)
# Channels without a recognised name are taken as ECG, up to the leads of a standard ECG.
_MOST_UNNAMED = 12


@dataclass(frozen=True)
class Chosen:
    """The ECG leads among the channels of a recording.

    Attributes:
        leads: Indices of the channels, in the file's order.
        remarks: Remarks on the choice.
    """

    leads: tuple[int, ...]
    remarks: tuple[str, ...] = ()


def is_ecg(name: str) -> bool:
    """Return whether a channel's name is the name of an ECG lead."""
    plain = name.strip()
    return bool(_ECG.fullmatch(plain)) and not (_BARE.fullmatch(plain) or _ABOUT_ECG.match(plain))


def is_other(name: str) -> bool:
    """Return whether a channel's name is the name of another signal."""
    plain = name.strip()
    return bool(_OTHER.fullmatch(plain) or _ABOUT_ECG.match(plain)) and not is_ecg(name)


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
    names: Sequence[str], units: Sequence[str | None], hints: Hints, path: Path
) -> Chosen:
    """Return the channels that are ECG leads.

    In this order: the channels named by the user; those with the name of an ECG lead; those in
    volts, up to twelve; a single remaining channel.

    Args:
        names: Names of the channels, "" without one.
        units: Their units, None if unknown.
        hints: Information from the user.
        path: The file, for errors.

    Raises:
        HintNeededError: No ECG leads were recognised.
    """
    names = [name[:LONGEST_NAME] for name in names]
    if hints.columns:
        return Chosen(find_columns(names, hints.columns, path))
    free = [
        i
        for i, name in enumerate(names)
        if not is_other(name) and (not plain_unit(units[i]) or millivolts(units[i]))
    ]
    named = [i for i in free if is_ecg(names[i])]
    in_volts = [i for i in free if millivolts(units[i])]
    unnamed = in_volts if len(in_volts) <= _MOST_UNNAMED else []
    leads = named or unnamed or (free if len(free) == 1 else [])
    if not leads:
        raise HintNeededError(
            "--column",
            f"{path.name}: no column was recognised as an ECG lead. Name the leads with --column "
            f"(names or numbers from 1). Columns: {listed(names)}.",
        )
    if not named and unnamed:
        return Chosen(tuple(leads), (f"taken as ECG because in volts: {listed_at(names, leads)}",))
    left = [i for i in in_volts if i not in leads]
    remark = f"{listed_at(names, left)}: not recognised as ECG; name with --column to clean"
    return Chosen(tuple(leads), (remark,) if left else ())


def listed_at(names: Sequence[str], places: Sequence[int]) -> str:
    """Return the names at these indices for a message."""
    return listed([names[i] for i in places])


def listed(names: Sequence[str], most: int = 12) -> str:
    """Return names for a message, truncated in number and length."""
    shown = [repr(name if len(name) <= 40 else f"{name[:37]}...") for name in names[:most]]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(shown) + more
