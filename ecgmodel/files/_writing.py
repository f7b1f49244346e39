"""Writing of recordings: completely or not at all, and never over the source."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike

from ecgmodel.errors import EcgError, RecordError
from ecgmodel.files._ecg import Hints, Recording
from ecgmodel.files._finding import created_formats, format_of, load, stale_files, written_name
from ecgmodel.files._reading import open_ecg
from ecgmodel.support.disk import disk


def write_ecg(
    source: str | Path,
    ecg: Recording | ArrayLike,
    into: str | Path,
    *,
    comment: str,
    format: str | None = None,
    hints: Hints | None = None,
) -> list[Path]:
    """Write a recording with other samples, under the source's name.

    In its own format, everything but the leads is copied from the source bit by bit: other channels
    and columns, annotations, patient data and start time. In another format, the leads are written,
    and start, annotations and comment as far as the format supports them. Missing samples (NaN) are
    written with the format's code for missing samples.

    Args:
        source: The file that was read.
        ecg: The result of `read_ecg` with another signal, or only the signal, `(samples, leads)`
            in mV.
        into: The folder, created if missing.
        comment: A line that describes the processing, if the format supports comments.
        format: A name of `formats()`; None for the source's format.
        hints: The hints given to `read_ecg`, if `ecg` is only a signal.

    Returns:
        The files that were written, the main file first.

    Raises:
        RecordError: The signal has another shape than the source, the format cannot store it, or
            the source would be overwritten.
        DiskFullError: The disk is full; nothing was written.
        UnknownNameError: There is no such format.
    """
    source, into = Path(source).expanduser(), Path(into).expanduser()
    own = format_of(source)
    target = own if format is None else format
    writing = load(target)
    if target != own and not hasattr(writing, "write"):
        raise RecordError(
            f"{source.name} cannot be converted to {target}, which is only written back to its own "
            f"files. Choose one of {', '.join(created_formats())}."
        )
    given = ecg if isinstance(ecg, Recording) else _with_signal(source, ecg, hints)
    if len(given.signal.shape) != 2 or given.signal.shape[1] != len(given.leads):
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


def _with_signal(source: Path, signal: ArrayLike, hints: Hints | None) -> Recording:
    read = open_ecg(source, hints)
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
    writing: ModuleType, name: str | None, source: Path, ecg: Recording, into: Path, comment: str
) -> None:
    """Write a recording in a format into an empty folder; `name` None keeps the source's format.

    Raises:
        RecordError: The recording cannot be written in this format.
    """
    try:
        if name is None:
            writing.rewrite(source, ecg, into, comment)
        else:
            writing.write(name, ecg, into, comment)
    except (EcgError, OSError, MemoryError):
        raise
    except Exception as error:  # the formats' libraries raise various errors
        raise RecordError(
            f"{source.name} cannot be written ({error!r}). Choose another format."
        ) from error


def _place(staged: Path, into: Path, source: Path) -> list[Path]:
    """Move files to the target folder, headers last: a record without one is incomplete.

    Annotation files of an earlier recording with this name are removed.

    Raises:
        RecordError: A file of the source would be overwritten.
    """
    files = sorted(staged.iterdir(), key=lambda file: (file.suffix == ".hea", file.name))
    for file in files:
        target, own = into / file.name, source.parent / file.name
        if target.is_dir():
            raise RecordError(f"{target} is a folder. Choose another output folder.")
        if own.exists() and target.exists() and target.samefile(own):
            raise RecordError(
                f"{source.name} would be overwritten. Choose another output folder than {into}."
            )
    for old in stale_files(into / files[-1].name, {file.name for file in files}):
        old.unlink()
    for file in files:
        file.replace(into / file.name)
    return [into / file.name for file in reversed(files)]
