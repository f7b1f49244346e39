"""Recordings for the benchmarks: from a PhysioNet mirror if available, else simulated."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import wfdb

from benchmarks._measure import ROOT
from ecgmodel.signals.resampling import to_standard_rate
from ecgmodel.signals.standard import FS
from ecgmodel.sources import _simulated_ecg, _simulated_noise

NOISE = ("bw", "ma", "em")
GAIN = 200.0
_SHIFT = 1_009  # samples


def mirror() -> Path | None:
    """Return the folder of a PhysioNet mirror with mitdb and nstdb, None if there is none."""
    folder = Path(os.environ.get("ECG_PHYSIONET_MIRROR", ROOT.parent / "shared/physionet"))
    complete = all((folder / name / "1.0.0" / "RECORDS").is_file() for name in ("mitdb", "nstdb"))
    return folder.absolute() if complete else None


def mitdb(folder: Path) -> list[Path]:
    """Return the records of mitdb in a mirror, as paths without suffix."""
    base = folder / "mitdb" / "1.0.0"
    return [base / name for name in (base / "RECORDS").read_text().split()]


def write_simulated(folder: Path, names: list[str], minutes: float) -> list[Path]:
    """Write records at 360 Hz with two leads; return paths without suffix.

    They are one signal that begins at different places, since records that are alike from their
    start would be treated as one.
    """
    made = _simulated_ecg.simulate(0, 1, 60 * minutes)
    usable = np.ones(made.signal.shape, bool)
    signal = to_standard_rate(made.signal, usable, _simulated_ecg.FS)[0]
    paths = []
    for number, name in enumerate(names):
        rolled = np.roll(signal, number * _SHIFT, axis=0)
        paths.append(_write(folder, name, rolled, list(_simulated_ecg.LEADS)))
    return paths


def write_noise(folder: Path, minutes: float) -> list[Path]:
    """Write simulated noise recordings bw, ma and em; return paths without suffix."""
    leads = list(_simulated_noise.CHANNELS)
    return [
        _write(folder, name, _simulated_noise.simulate(0, name, 60 * minutes), leads)
        for name in NOISE
    ]


def _write(folder: Path, name: str, signal: np.ndarray, leads: list[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    count = len(leads)
    wfdb.wrsamp(
        name,
        fs=FS,
        units=["mV"] * count,
        sig_name=leads,
        d_signal=np.rint(signal * GAIN).astype(np.int64),
        fmt=["16"] * count,
        adc_gain=[GAIN] * count,
        baseline=[0] * count,
        write_dir=str(folder),
    )
    return folder / name
