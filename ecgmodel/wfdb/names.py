"""Names of records and their files: what stays in its folder, and what holds annotations."""

from __future__ import annotations

import re

from ecgmodel.errors import RecordError

ANNOTATORS = ("atr", "ecg", "man", "pu0", "pu1", "q1c", "qrs")
"""The suffixes of annotation files that are taken along."""

# A path that starts at a root or a drive, on any system.
_ABSOLUTE = re.compile(r"^(/|[A-Za-z]:)")


def safe_name(name: str, what: str = "record name") -> str:
    """Return a relative path with "/" between its parts, if it cannot leave its folder.

    Args:
        name: The name of a record or of a file.
        what: What the name is, for the error.

    Raises:
        RecordError: The name is empty or absolute, or holds "..", a backslash or a control
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
            f"The {what} {name!r} does not stay in its folder. Expected a relative name without "
            "'..', backslashes or empty parts, e.g. '100' or 'p01/100'."
        )
    return name
