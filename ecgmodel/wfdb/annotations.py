"""Reading of WFDB annotation files, with a check against content that hangs wfdb."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import MissingFileError, RecordError

_RESOLUTION, _BEGIN, _END = (
    b"time resolution: ",
    b"annotation type definitions",
    b"end of definitions",
)
_DEFINITION = re.compile(
    rb"## (time resolution: (?=\d)|annotation type definitions|end of definitions)?"
)
# Codes of 16-bit words: annotation labels (up to 49), a skip of 32 bits, fields, a note.
_LAST_LABEL, _SKIP, _FIELDS, _NOTE = 49, 59, (60, 61, 62), 63


class Annotations(NamedTuple):
    """The content of an annotation file.

    Attributes:
        samples: `(n,)`: times, in ticks from the record's start.
        symbols: `(n,)`: WFDB symbols, e.g. "N" for a normal beat.
        notes: `(n,)`: auxiliary notes, mostly "".
        fs: Ticks per second, Hz: the file's time resolution, else the record's frame rate; None if
            both are unknown.
    """

    samples: NDArray[np.int64]
    symbols: NDArray[Any]
    notes: tuple[str, ...]
    fs: float | None


def read_annotations(record: Path, annotator: str) -> Annotations:
    """Read a record's annotation file.

    Args:
        record: The record's path without suffix.
        annotator: The file's suffix without dot.

    Raises:
        MissingFileError: There is no such file.
        RecordError: The file is damaged.
    """
    import wfdb  # takes a second to import

    file = record.with_name(f"{record.name}.{annotator}")
    if not file.is_file():
        raise MissingFileError(f"The annotation file {file} is missing. Download the record again.")
    if not _terminates(file.read_bytes()):
        raise RecordError(
            f"{file} is damaged: it contains '## …' notes that are unknown, repeated or not "
            "closed. Download the record again."
        )
    try:
        found = wfdb.rdann(str(record.absolute()), annotator)
    except Exception as error:  # wfdb raises whatever damaged bytes lead to
        raise RecordError(
            f"The annotation file {file} cannot be read ({error}). Download the record again."
        ) from error
    return Annotations(
        samples=np.asarray(found.sample, np.int64),
        symbols=np.asarray(found.symbol, object),
        notes=tuple(str(note).strip("\x00 ") for note in found.aux_note),
        fs=float(found.fs) if found.fs else None,
    )


def are_annotations(content: bytes) -> bool:
    """Return whether all bytes of a file are annotations in WFDB's format.

    Format: https://physionet.org/physiotools/wag/annot-5.htm: 16-bit words with a code in the
    upper six bits; a word of zeros ends the file.
    """
    words = np.frombuffer(content, "<u2", len(content) // 2)
    at = 0
    while at < len(words):
        kind, value = divmod(int(words[at]), 1 << 10)
        if not words[at]:
            return not words[at:].any() and len(content) % 2 == 0
        if kind == _SKIP:
            at += 2
        elif kind == _NOTE:
            at += (value % 256 + 1) // 2
        elif kind > _LAST_LABEL and kind not in _FIELDS:
            return False
        at += 1
    return False


def _terminates(content: bytes) -> bool:
    """Return whether wfdb terminates on an annotation file.

    It loops forever on an unknown "## " note, a second time resolution, or unclosed definitions.
    """
    kinds = [match[1] for match in _DEFINITION.finditer(content)]
    opened = [kind for kind in kinds if kind != _RESOLUTION]
    closed = opened == [_BEGIN, _END] * (len(opened) // 2)
    return closed and kinds.count(_RESOLUTION) <= 1
