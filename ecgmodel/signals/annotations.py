"""Reading of WFDB annotation files; the only module that has wfdb parse them."""

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


class Annotations(NamedTuple):
    """What an annotation file says.

    Attributes:
        samples: `(n,)`: where, in ticks from the record's start.
        symbols: `(n,)`: WFDB's symbols, e.g. "N" for a normal beat.
        notes: `(n,)`: what else is written there, mostly "".
        fs: Ticks a second, Hz: the file's own, else the record's frames; None where neither says.
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
        RecordError: It is damaged.
    """
    import wfdb  # takes a second to import

    file = record.with_name(f"{record.name}.{annotator}")
    if not file.is_file():
        raise MissingFileError(f"There are no annotations at {file}. Download the record again.")
    if not _ends(file.read_bytes()):
        raise RecordError(
            f"{file}: expected notes '## …' that WFDB defines, each closed and given once. "
            "Received others. Download the record again."
        )
    try:
        found = wfdb.rdann(str(record.absolute()), annotator)
    except Exception as error:  # wfdb raises whatever damaged bytes lead to
        raise RecordError(f"{file} cannot be read ({error}). Download the record again.") from error
    return Annotations(
        samples=np.asarray(found.sample, np.int64),
        symbols=np.asarray(found.symbol, object),
        notes=tuple(str(note).strip("\x00 ") for note in found.aux_note),
        fs=float(found.fs) if found.fs else None,
    )


def _ends(content: bytes) -> bool:
    """Return whether wfdb comes to an end with an annotation file.

    It never does with a note "## " that it does not know, a second rate, or definitions that are
    not closed.
    """
    kinds = [match[1] for match in _DEFINITION.finditer(content)]
    opened = [kind for kind in kinds if kind != _RESOLUTION]
    closed = opened == [_BEGIN, _END] * (len(opened) // 2)
    return closed and kinds.count(_RESOLUTION) <= 1
