"""A simulated example recording: five minutes of two leads with noise and artifacts.

Sections of 30 s: all noise types, baseline wander, muscle artifact, electrode motion, strong noise
of all types, clean; then lead off, clipping, missing samples, and clean again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.sources import _simulated_ecg as ecg
from ecgmodel.sources import _simulated_noise as noise
from ecgmodel.support.decibels import snr_gain

NAME = "example"
FS = 360.0
PART_S = 30.0
GAIN, FORMAT, LARGEST = 200.0, "212", 2047  # 12 bits, like PhysioNet's older databases
SEED, SUBJECT = 3, 15
UP, DOWN = 45, 16  # 128 Hz -> 360 Hz

# The SNR of each part, dB, by noise record.
PARTS: tuple[dict[str, float], ...] = (
    {"bw": 3.0, "ma": 6.0, "em": 3.0},
    {"bw": 0.0},
    {"ma": 3.0},
    {"em": 0.0},
    {"bw": -6.0, "ma": 0.0, "em": -3.0},
    {},
    {"bw": 6.0},
    {"ma": 6.0},
    {"em": 6.0},
    {},
)
LEAD_OFF, CLIPPED, MISSING = 6, 7, 8  # indices of the parts with artifacts


def write_example(into: Path) -> tuple[Path, ...]:
    """Write the recording as a WFDB record with its beats; the bytes are reproducible.

    Args:
        into: An existing folder.

    Returns:
        The header, signal and annotation files.
    """
    import wfdb

    signal, peaks, symbols = _simulated()
    digital = np.clip(np.rint(signal * GAIN), -LARGEST, LARGEST)
    digital[np.isnan(digital)] = -LARGEST - 1  # the format's code of a missing sample
    count = len(ecg.LEADS)
    wfdb.wrsamp(
        NAME,
        fs=FS,
        units=["mV"] * count,
        sig_name=list(ecg.LEADS),
        d_signal=digital.astype(np.int64),
        fmt=[FORMAT] * count,
        adc_gain=[GAIN] * count,
        baseline=[0] * count,
        comments=["Simulated, not recorded from a person"],
        write_dir=str(into),
    )
    wfdb.wrann(NAME, "atr", peaks, symbol=list(symbols), write_dir=str(into))
    return tuple(into / f"{NAME}.{suffix}" for suffix in ("hea", "dat", "atr"))


def _simulated() -> tuple[NDArray[np.float64], NDArray[np.int64], tuple[str, ...]]:
    """Return `(samples, leads)` in mV, and the beats."""
    from scipy.signal import resample_poly

    seconds = PART_S * len(PARTS)
    made = ecg.simulate(SEED, SUBJECT, seconds)
    signal = resample_poly(made.signal, UP, DOWN, axis=0)[: round(seconds * FS)]
    clean = signal.copy()
    length = round(PART_S * FS)
    kinds = {name: noise.simulate(SEED, name, seconds) for name in noise.NOISES}
    for number, part in enumerate(PARTS):
        here = slice(number * length, (number + 1) * length)
        for kind, snr_db in part.items():
            signal[here] += _scaled(kinds[kind][here], clean[here], snr_db)
    _add_artifacts(signal, length)
    peaks = np.rint(made.peaks * UP / DOWN).astype(np.int64)
    return signal, peaks, tuple(made.symbols)


def _scaled(added: NDArray[Any], clean: NDArray[Any], snr_db: float) -> NDArray[np.float64]:
    """Return noise at this SNR in each lead, faded in and out over a second."""
    fade = round(FS)
    weight = np.ones(len(added))
    weight[:fade] = np.linspace(0, 1, fade)
    weight[-fade:] = np.linspace(1, 0, fade)
    level = snr_gain(clean.var(axis=0), added.var(axis=0), snr_db)
    return (added - added.mean(axis=0)) * level * weight[:, None]


def _add_artifacts(signal: NDArray[np.float64], length: int) -> None:
    """Add a lead-off section, a clipped section and a section of missing samples."""
    third = length // 3
    off, clipped, missing = (n * length + third for n in (LEAD_OFF, CLIPPED, MISSING))
    signal[off : off + third, 0] = 0.0
    swing = np.sin(np.linspace(0, 3 * np.pi, third))
    signal[clipped : clipped + third, 1] += 14.0 * swing
    signal[missing : missing + third] = np.nan
