"""Units of voltage in the spellings that occur in files, and durations as text."""

from __future__ import annotations

import re

_MILLIVOLTS = {"v": 1e3, "mv": 1.0, "uv": 1e-3, "nv": 1e-6}
"""Millivolts per unit, by the unit's name in lower case."""

# "ECG (mV)", "II [µV]", "MLII_uV", "V5/mV", "lead in mV"; a bare V needs brackets: V is a lead.
_BRACKETED = re.compile(r"^(.*?)[\s_]*[\(\[]\s*([^()\[\]]*?)\s*[\)\]]$")
_SUFFIXED = re.compile(r"^(.+?)(?:[\s_/.-]+|\sin\s)([mun\u00b5\u03bc\udcb5]v)$", re.IGNORECASE)
_WORDS = {
    "millivolt": "mV",
    "microvolt": "uV",
    "nanovolt": "nV",
    "volt": "V",
}

LONGEST_NAME = 200
"""Longest part of a name that is matched; bounds the time that the patterns take."""


def plain_unit(unit: str | None) -> str | None:
    """Return a unit without spaces and brackets; every spelling of microvolt becomes "uV"."""
    if unit is None:
        return None
    plain = unit.strip().strip("'\"()[] ").replace("\u03bc", "u").replace("\u00b5", "u")
    plain = plain.replace("\udcb5", "u")  # µ of Latin-1, read as UTF-8
    return _WORDS.get(plain.lower().rstrip("s"), plain)


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
