"""Small recordings in every format, cut from real ones where available."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ecgmodel.files import Annotation, Ecg, Hints, created_formats, write_ecg
from tests.ecgmodel.files.clinical import write_clinical
from tests.wfdb_files import ecg, write_record

START = datetime(2021, 3, 4, 5, 6, 7)
ANNOTATIONS = (
    Annotation(0.5, None, "N"),
    Annotation(1.252, None, "V"),
    Annotation(3.0, None, "(AFIB"),
)


def made_ecg(seconds: float = 10, fs: float = 250) -> Ecg:
    """Return two leads of an ECG with a gap, a start and annotations."""
    signal = np.round(np.stack([ecg(seconds, fs, seed=s) for s in (1, 2)], axis=1), 3)
    signal[200:230, 1] = np.nan
    return Ecg(signal, fs, ("II", "V5"), (None, None), start=START, annotations=ANNOTATIONS)


def write_made(folder: Path, format: str, ecg: Ecg | None = None, name: str = "r1") -> Path:
    """Write a recording in a format, and return its file."""
    ecg = ecg or made_ecg()
    folder.mkdir(parents=True, exist_ok=True)
    if format not in created_formats():
        return write_clinical(folder, format, ecg, name)
    with TemporaryDirectory() as other:  # a source of another format
        if format == "npy":
            origin = write_record(Path(other), name, np.nan_to_num(ecg.signal), ecg.fs, ecg.leads)
        else:
            origin = Path(other) / f"{name}.npy"
            np.save(origin, ecg.signal)
        return write_ecg(origin, replace(ecg, hints=Hints()), folder, comment="", format=format)[0]


def hints_for(format: str, ecg: Ecg) -> Hints:
    """Return the hints that a format needs."""
    return Hints(fs=ecg.fs, unit="mV") if format == "npy" else Hints()
