"""The place of a comment in a text table, where other programs still find its header."""

from __future__ import annotations

import itertools
from pathlib import Path

from ecgmodel.files._dialect import Dialect
from ecgmodel.files._text import is_comment, lines

AT_END = -1


def comment_place(path: Path, dialect: Dialect) -> int | None:
    """Return the line (from 0) before which a comment is added; None in a table without comments.

    Programs look for fixed facts in the first two lines, such as the JSON of OpenSignals, and for
    names in the last line above the samples. The comment stands between them, after the only line
    if names without "#" follow, or else at the end of the file.
    """
    head = list(itertools.islice(lines(path, dialect.encoding), dialect.first))
    count = next((i for i, line in enumerate(head) if not is_comment(line)), len(head))
    if not count:
        return AT_END if any(is_comment(line) for line in head) else None
    if count < len(head):
        return count  # names follow
    return count - 1 if count > 2 else AT_END
