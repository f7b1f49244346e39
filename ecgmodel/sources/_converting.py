"""Recordings in other formats than WFDB: found in a folder, and converted to WFDB when fetched."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ecgmodel.errors import EcgError, HintNeededError, MissingFileError, RecordError
from ecgmodel.files import Hints, Recording, find_recordings, format_of, open_ecg, write_ecg
from ecgmodel.sources.base import RecordSource
from ecgmodel.store.versions import code_version, library_versions
from ecgmodel.support.samples import LazySamples

WFDB, HEADER = "wfdb", ".hea"
LIBRARIES = ("edfio", "numpy", "pyarrow", "pydicom", "sierraecg", "wfdb")
_SETTINGS = {
    "--fs": "source.fs",
    "--unit": "source.unit",
    "--gain": "source.gain",
    "--column": "source.columns",
}


def is_converted(record: RecordSource) -> bool:
    """Return whether a listed record of a folder is a file of another format than WFDB."""
    return not any(name.endswith(HEADER) for name, _ in record.files)


def conversion(path: Path, hints: Hints) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what shapes the WFDB files of a converted recording: the hints, and the code.

    Args:
        path: The recording.
        hints: Information that it may lack.
    """
    modules = [__name__]
    with suppress(EcgError):  # a damaged file is refused when it is fetched
        modules.append(f"ecgmodel.files.{format_of(path)}")
    code = {"modules": code_version(*modules), "libraries": library_versions(*LIBRARIES)}
    return {"hints": {**asdict(hints), "columns": list(hints.columns)}}, code


def find_others(folder: Path, headers: Collection[str]) -> dict[str, Path]:
    """Return the files of other formats than WFDB in a folder and its subfolders, by record name.

    A record's name is its path in the folder without suffix, or with it if two files have the same
    name. A file with the name of a WFDB record is left out: it is a copy of it.

    Args:
        folder: The folder.
        headers: Names of the WFDB records.
    """
    try:
        found = find_recordings([folder])
    except MissingFileError:
        return {}
    others = [path for path in found if path.suffix.lower() != HEADER]
    plain = [path.relative_to(folder).with_suffix("").as_posix() for path in others]
    named: dict[str, Path] = {}
    for path, name in zip(others, plain, strict=True):
        if name in headers:
            warnings.warn(
                f"{path} is left out: the WFDB record {name} has its name. Rename one if they are "
                "different recordings.",
                stacklevel=5,
            )
        else:
            whole = path.relative_to(folder).as_posix()
            named[name if plain.count(name) == 1 else whole] = path
    return named


def convert(
    path: Path, into: Path, hints: Hints, start_s: float, seconds: float | None
) -> tuple[list[Path], float]:
    """Write a part of a recording as a WFDB record.

    Args:
        path: The recording.
        into: The folder of the record.
        hints: Information that the file may lack.
        start_s: Start of the part, s.
        seconds: Length of the part, s; None for the whole recording.

    Returns:
        The files, the header first, and the start of the part, s.

    Raises:
        RecordError: The recording cannot be used, or lacks information; the message names the
            setting that gives it.
    """
    try:
        ecg = open_ecg(path, hints)
        length = len(ecg.signal)
        first = round(start_s * ecg.fs)
        if first >= length:
            raise RecordError(
                f"{path.name} holds {length} samples ({length / ecg.fs:.1f} s), so there is "
                f"nothing from {start_s:g} s on. Choose an earlier start or leave it out."
            )
        if seconds is None:
            return _written(path, ecg, into), 0.0
        last = min(length, first + math.ceil(round(seconds * ecg.fs, 6)))
        return _written(path, _cut(ecg, first, last), into), first / ecg.fs
    except HintNeededError as error:
        message = str(error)
        for option, setting in _SETTINGS.items():
            message = message.replace(option, setting)
        raise RecordError(message) from None


def _written(path: Path, ecg: Recording, into: Path) -> list[Path]:
    into.mkdir(parents=True, exist_ok=True)
    return write_ecg(path, ecg, into, comment=f"converted from {format_of(path)}", format=WFDB)


def _cut(ecg: Recording, first: int, last: int) -> Recording:
    """Return the samples from `first` to before `last`, and the annotations among them."""
    signal, at_s = ecg.signal, first / ecg.fs
    annotations = tuple(
        replace(annotation, at_s=annotation.at_s - at_s)
        for annotation in ecg.annotations
        if first <= annotation.at_s * ecg.fs < last
    )
    shape = (last - first, len(ecg.leads))
    part = LazySamples(shape, lambda start, stop: signal[first + start : first + stop])
    return replace(ecg, signal=part, annotations=annotations, start=None)
