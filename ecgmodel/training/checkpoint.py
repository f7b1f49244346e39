"""Checkpoints of a training: arrays and JSON facts in one file, written atomically.

A checkpoint is an `.npz` file of arrays without pickles, in which the array "facts" holds JSON. It
does not depend on the framework.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
FOLDER = "checkpoints"
"""The folder of checkpoints within that of a training."""
FACTS = "facts"
_NAME = re.compile(r"epoch-(\d{6})\.npz")
_log = logging.getLogger(__name__)


class Checkpoint(NamedTuple):
    """The state after an epoch.

    Attributes:
        epoch: Number of completed epochs.
        arrays: Weights, optimiser and random generators, by name.
        facts: Anything that JSON can hold; floats are restored exactly.
    """

    epoch: int
    arrays: Arrays
    facts: dict[str, Any]


def save(
    folder: Path, epoch: int, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]
) -> Path:
    """Write a checkpoint, and delete all but it and the previous one.

    The file is written under a temporary name, flushed to disk and renamed; older checkpoints are
    deleted only afterwards. If the process is killed, a complete checkpoint remains.

    Args:
        folder: Folder of this training's checkpoints; created if it does not exist.
        epoch: Number of completed epochs.
        arrays: State by name.
        facts: State that JSON can hold.

    Returns:
        The file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"epoch-{epoch:06d}.npz"
    text = np.frombuffer(json.dumps(dict(facts)).encode(), dtype=np.uint8)
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **{FACTS: text}, **arrays)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:  # e.g. a full disk
        temporary.unlink(missing_ok=True)
        raise
    _flush(folder)
    _drop_others(folder, epoch)
    return path


def load(folder: Path) -> Checkpoint | None:
    """Return the newest readable checkpoint, or None.

    A warning names each unreadable checkpoint, and the previous one is tried.
    """
    for epoch in sorted(_epochs(folder), reverse=True):
        path = folder / f"epoch-{epoch:06d}.npz"
        try:
            return _read(path, epoch)
        # A damaged zip raises almost anything: BadZipFile, zlib.error, KeyError, ValueError.
        except Exception as error:
            _log.warning(
                "Checkpoint %s cannot be read (%s). The previous one is used, if any.", path, error
            )
    return None


def _read(path: Path, epoch: int) -> Checkpoint:
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return Checkpoint(epoch, arrays, json.loads(arrays.pop(FACTS).tobytes()))


def _epochs(folder: Path) -> list[int]:
    names = (_NAME.fullmatch(path.name) for path in folder.glob("*.npz"))
    return [int(name[1]) for name in names if name]


def _drop_others(folder: Path, epoch: int) -> None:
    """Keep this checkpoint and the one before it; later ones are unreadable."""
    before = max((e for e in _epochs(folder) if e < epoch), default=epoch)
    for other in _epochs(folder):
        if other not in (epoch, before):
            (folder / f"epoch-{other:06d}.npz").unlink(missing_ok=True)


def _flush(folder: Path) -> None:
    """Flush a folder to disk, so that a rename survives a power failure (POSIX only)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
