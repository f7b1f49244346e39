"""Names of records and their files: validation, and suffixes of annotation files."""

from __future__ import annotations

import re

from ecgmodel.errors import RecordError

ANNOTATORS = ("atr", "ecg", "man", "pu0", "pu1", "q1c", "qrs")
"""Suffixes of the annotation files that are copied with a record."""

# A path that starts at a root or a drive, on any system.
_ABSOLUTE = re.compile(r"^(/|[A-Za-z]:)")


def safe_name(name: str, what: str = "record name") -> str:
    """Return a name unchanged if it is a relative path that stays inside its folder.

    Args:
        name: The name of a record or of a file, with "/" between its parts.
        what: Description of the name, for the error.

    Raises:
        RecordError: The name is empty or absolute, or contains "..", a backslash or a control
            character.
    """
    parts = name.split("/")
    if (
        _ABSOLUTE.match(name)
        or "\\" in name
        or any(part in ("", ".", "..") for part in parts)
        or any(ord(c) < 32 for c in name)
    ):
        raise RecordError(
            f"The {what} {name!r} points outside its folder. Expected a relative name without "
            "'..', backslashes or empty parts, e.g. '100' or 'p01/100'."
        )
    return name
