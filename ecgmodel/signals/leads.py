"""The twelve standard leads, by name."""

from __future__ import annotations

import re
from collections.abc import Sequence

TWELVE = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""In the order in which they are printed."""

# What formats write before and after a lead's name: EDF+ "ECG V1", aECG "MDC_ECG_LEAD_V1".
_BEFORE = re.compile(r"^(?:mdc|ecg|ekg|lead|[\s_:-])+|^d(?=i{1,3}$)")
_AFTER = re.compile(r"[\s_-]+(?:ref)?$")


def standard_name(name: str) -> str:
    """Return a lead's standard name in lower case: "ECG V1" is "v1", "DI" and "Lead I" are "i"."""
    return _AFTER.sub("", _BEFORE.sub("", name.strip().lower()))


def twelve_leads(names: Sequence[str]) -> list[int] | None:
    """Return the places of the twelve leads in a list of names, None if one is missing or double.

    Args:
        names: Names of leads; capitals do not matter, nor do "ECG", "Lead" and "MDC_ECG_LEAD_".
    """
    plain = [standard_name(name) for name in names]
    wanted = [name.lower() for name in TWELVE]
    if any(plain.count(name) != 1 for name in wanted):
        return None
    return [plain.index(name) for name in wanted]
