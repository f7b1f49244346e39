"""Units of voltage in the spellings that occur in files, and durations as text."""

from __future__ import annotations

import re

_MILLIVOLTS = {"v": 1e3, "mv": 1.0, "uv": 1e-3, "nv": 1e-6}
"""Millivolts per unit, by the unit's name in lower case."""

_MU = "u\u00b5\u03bc"  # µ as micro sign and as Greek letter
_VOLTS = re.compile(rf"(milli|micro|nano|[mn{_MU}])?v(?:olts?)?", re.IGNORECASE)
# "ECG (mV)", "II [µV]", "MLII_uV", "V5/mV", "lead in mV"; a bare V needs brackets: V is a lead.
_BRACKETED = re.compile(r"^(.*?)[\s_]*[\(\[]\s*([^()\[\]]*?)\s*[\)\]]$")
_SUFFIXED = re.compile(
    rf"^(.+?)(?:[\s_/.-]+|\sin\s)((?:milli|micro|nano|[mn{_MU}])v(?:olts?)?)$", re.IGNORECASE
)

LONGEST_NAME = 200
"""Longest part of a name that is matched; bounds the time that the patterns take."""


def plain_unit(unit: str | None) -> str | None:
    """Return a unit without spaces and brackets; every spelling of a voltage becomes "uV" etc.

    Example:
        >>> [plain_unit(unit) for unit in ("µV", "MICROV", " [Millivolts]", "bpm")]
        ['uV', 'uV', 'mV', 'bpm']
    """
    if unit is None:
        return None
    plain = "".join(letter for letter in unit if letter.isprintable())
    plain = plain.strip().strip("'\"()[] ").strip()
    found = _VOLTS.fullmatch(plain.replace(" ", ""))
    if not found:
        return plain.replace("\u03bc", "u").replace("\u00b5", "u")
    first = (found[1] or "").lower()
    if first == "m" or first.startswith("milli"):
        return "mV"
    return f"{'u' if first == 'micro' or first in tuple(_MU) else first[:1]}V"


def split_unit(name: str) -> tuple[str, str | None]:
    """Return a column's name and the unit contained in it, None without one.

    Example:
        >>> split_unit("MLII_uV"), split_unit("ECG [mV]"), split_unit("V5")
        (('MLII', 'uV'), ('ECG', 'mV'), ('V5', None))
    """
    text = name[:LONGEST_NAME].strip().strip("'\"").strip()
    found = _BRACKETED.match(text) or _SUFFIXED.match(text)
    if not found:
        return text, None
    return found[1].strip(), plain_unit(found[2])


def millivolts(unit: str | None) -> float | None:
    """Return a unit in mV, None if it is missing or not a voltage."""
    return _MILLIVOLTS.get((plain_unit(unit) or "").lower())


def clock(seconds: float) -> str:
    """Return a duration as h:mm:ss."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
