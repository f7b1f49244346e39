"""A recording written beside others: all of it or nothing, and never over its source."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike

from ecgmodel.errors import EcgError, RecordError
from ecgmodel.files._ecg import Ecg, Hints
from ecgmodel.files._finding import format_of, load, stale_files, written_name
from ecgmodel.files._reading import read_ecg
from ecgmodel.support.disk import disk


def write_ecg(
    source: str | Path,
    ecg: Ecg | ArrayLike,
    into: str | Path,
    *,
    comment: str,
    format: str | None = None,
    hints: Hints | None = None,
) -> list[Path]:
    """Write a recording with other samples, under the source's name.

    In its own format it is the source's file in all but the leads: other channels and columns,
    annotations and what is known of patient and start are kept bit by bit. Another format gets the
    leads, and of start, annotations and comment what it can hold. A sample that was missing, or
    became so, is written as the format marks one.

    Args:
        source: The file that was read.
        ecg: What `read_ecg` returned with another signal, or the signal alone, `(samples, leads)`
            in mV.
        into: The folder; it is made if it is not there.
        comment: A line that says what was done, where the format has a place for it.
        format: A name of `formats()`; None for the source's own.
        hints: What was given to `read_ecg`, if `ecg` is a signal alone.

    Returns:
        The files that were written, the one to read first.

    Raises:
        RecordError: The signal is not of the source's shape, the format cannot hold it, or the
            place is the source's own.
        DiskFullError: There is no space left; nothing is written.
        UnknownNameError: There is no such format.
    """
    source, into = Path(source).expanduser(), Path(into).expanduser()
    own = format_of(source)
    target = own if format is None else format
    writing = load(target)
    given = ecg if isinstance(ecg, Ecg) else _with_signal(source, ecg, hints)
    if given.signal.ndim != 2 or given.signal.shape[1] != len(given.leads):
        raise RecordError(
            f"{source.name}: expected a signal of shape (samples, {len(given.leads)}). "
            f"Received: {given.signal.shape}."
        )
    line = " ".join(comment.split())
    with disk(into):
        into.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=".ecg-", dir=into))
        try:
            name = None if target == own else written_name(source, target)
            _write(writing, name, source, given, staged, line)
            return _place(staged, into, source)
        finally:
            shutil.rmtree(staged, ignore_errors=True)


def _with_signal(source: Path, signal: ArrayLike, hints: Hints | None) -> Ecg:
    read = read_ecg(source, hints)
    given = np.asarray(signal, np.float64)
    if given.ndim == 1:
        given = given[:, None]
    if given.shape != read.signal.shape:
        raise RecordError(
            f"{source.name}: expected a signal of shape {read.signal.shape}. "
            f"Received: {given.shape}."
        )
    return replace(read, signal=given)


def _write(
    writing: ModuleType, name: str | None, source: Path, ecg: Ecg, into: Path, comment: str
) -> None:
    """Let a format write into an empty folder: a recording of a name, or None for the source's own.

    Raises:
        RecordError: It cannot.
    """
    try:
        if name is None:
            writing.rewrite(source, ecg, into, comment)
        else:
            writing.write(name, ecg, into, comment)
    except (EcgError, OSError, MemoryError):
        raise
    except Exception as error:  # the formats' libraries raise whatever they run into
        raise RecordError(f"{source.name} cannot be written ({error!r}).") from error


def _place(staged: Path, into: Path, source: Path) -> list[Path]:
    """Move files to their place, headers last: without one there is no record.

    Annotations of an earlier recording in that place are removed.

    Raises:
        RecordError: A file would take the place of one of the source's.
    """
    files = sorted(staged.iterdir(), key=lambda file: (file.suffix == ".hea", file.name))
    for file in files:
        target, own = into / file.name, source.parent / file.name
        if target.is_dir():
            raise RecordError(f"{target} is a folder. Choose another one to write to.")
        if own.exists() and target.exists() and target.samefile(own):
            raise RecordError(
                f"{source.name} would be written over itself. Choose another folder than {into}."
            )
    for old in stale_files(into / files[-1].name, {file.name for file in files}):
        old.unlink()
    for file in files:
        file.replace(into / file.name)
    return [into / file.name for file in reversed(files)]
