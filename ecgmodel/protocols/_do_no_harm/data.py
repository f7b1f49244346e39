"""The protocol's recordings at 360 Hz as they are, their targets, and their annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.databases._base import Database
from ecgmodel.errors import MissingFileError, RecordError
from ecgmodel.evaluation.detection import beat_samples, detect_beats
from ecgmodel.protocols._work import record_path
from ecgmodel.signals.masks import MaskSettings, usable_samples
from ecgmodel.signals.resampling import to_standard_rate
from ecgmodel.signals.standard import FS, highpass
from ecgmodel.store import Stored
from ecgmodel.support import plugins
from ecgmodel.support.dataclass_files import load, save
from ecgmodel.wfdb.annotations import read_annotations
from ecgmodel.wfdb.millivolts import read_recording

Array = NDArray[Any]

BEATS, WAVES = "atr", "pu1"
"""Annotators: reference beats, and the boundaries of waves (qtdb alone)."""

ONSET, QRS, OFFSET = "(", "N", ")"


@dataclass(frozen=True)
class HarmRecording:
    """A record of the protocol; positions are samples at 360 Hz.

    Attributes:
        name: Database and record, e.g. "qtdb/sel123".
        subject: Whose it is.
        original_fs: Its own sampling rate, Hz.
        leads: Their names.
        recorded: `(samples, leads)` float32, mV, as it is.
        target: What a method should return: `recorded` after a zero-phase high-pass at 0.5 Hz.
        usable: Where it is neither flat, clipped nor missing, of the same shape.
        beats: Reference beats; empty where there are none.
        found: What XQRS finds in the first lead as it is.
        waves: `(n, 3)`: onset of the QRS complex, its annotation, its end (J); empty but for qtdb.
    """

    name: str
    subject: str
    original_fs: float
    leads: tuple[str, ...]
    recorded: Array
    target: Array
    usable: Array
    beats: Array
    found: Array
    waves: Array


@dataclass(frozen=True)
class DoNoHarm:
    """All recordings of the protocol, one in memory at a time.

    Attributes:
        folder: Where they are.
        names: Database and record of each.
    """

    folder: Path
    names: tuple[str, ...]

    def __iter__(self) -> Iterator[HarmRecording]:
        for name in self.names:
            yield read_one(self.folder, name)


def read_annotated(path: Path, database: str, record: str) -> HarmRecording:
    """Read a record with its annotations and bring it to 360 Hz.

    Args:
        path: Its files, without suffix; `atr` and, for qtdb, `pu1` annotations beside them.
        database: Its database, one that the project knows.
        record: Its name.

    Raises:
        MissingFileError: A file of the record is not there.
        RecordError: It cannot be read, or holds nothing usable.
    """
    known: Database = plugins.load("databases", database, "database").DATABASE
    name = f"{database}/{record}"
    read = read_recording(path, name, uncalibrated_gain=known.uncalibrated_gain)
    usable = usable_samples(read.signal, read.fs, MaskSettings(), read.adc_ranges)
    if not usable.any():
        raise RecordError(f"{name}: no usable sample in any lead. Leave the record out.")
    signal, usable = to_standard_rate(read.signal, usable, read.fs)
    beats = beat_samples(*_annotations(path, BEATS, read.fs))
    waves = qrs_waves(*_annotations(path, WAVES, read.fs))
    if database == "qtdb" and not len(waves):
        raise MissingFileError(f"{name}: annotations of waves {path}.{WAVES} are missing or empty.")
    return HarmRecording(
        name=name,
        subject=known.subject(record),
        original_fs=read.fs,
        leads=read.leads,
        recorded=signal.astype(np.float32),
        target=highpass(signal).astype(np.float32),
        usable=usable,
        beats=beats[beats < len(signal)],
        found=detect_beats(signal[:, 0].astype(np.float32), FS),
        waves=waves[waves[:, 2] < len(signal)],
    )


def qrs_waves(samples: Array, symbols: Array) -> Array:
    """Return onset, peak and end of the QRS complexes whose three annotations follow each other.

    Args:
        samples: Where the annotations are, ascending, `(n,)`.
        symbols: Their symbols: "(" onset, "N" QRS, ")" end; waves P and T have the same brackets.

    Returns:
        `(complexes, 3)`.
    """
    symbols = np.asarray(symbols, object)
    at = np.flatnonzero((symbols[:-2] == ONSET) & (symbols[1:-1] == QRS) & (symbols[2:] == OFFSET))
    waves: Array = np.asarray(samples, np.int64)[at[:, None] + np.arange(3)]
    return waves


def prepare(downloads: Mapping[str, Stored], into: Path) -> dict[str, Any]:
    """Write the protocol's recordings; return facts for the manifest.

    Args:
        downloads: Records of mitdb and qtdb, whole files with their `atr` and `pu1` annotations.
        into: The folder.
    """
    names = sorted(downloads)
    for name in names:
        write_one(read_annotated(record_path(downloads[name]), *name.split("/")), into)
    return {"records": names}


def read(prepared: Stored) -> DoNoHarm:
    """Return what `prepare` wrote."""
    return DoNoHarm(prepared.path, tuple(prepared.info["records"]))


def write_one(recording: HarmRecording, folder: Path) -> None:
    """Write a record into `folder`."""
    save([recording], _file(folder, recording.name))


def read_one(folder: Path, name: str) -> HarmRecording:
    """Read what `write_one` wrote."""
    (recording,) = load(_file(folder, name), HarmRecording)
    return recording


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name.replace('/', '-')}.npz"


def _annotations(path: Path, annotator: str, fs: float) -> tuple[Array, Array]:
    """Return positions at 360 Hz and symbols of an annotation file, empty where there is none."""
    if not path.with_name(f"{path.name}.{annotator}").is_file():
        return np.zeros(0, np.int64), np.zeros(0, object)
    found = read_annotations(path, annotator)
    return np.round(found.samples * FS / fs).astype(np.int64), found.symbols
