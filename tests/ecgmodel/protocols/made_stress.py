"""Made leads for the protocols `qrs-stress` and `do-no-harm`: beats whose places are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import wfdb

from ecgmodel.protocols._qrs_stress.records import noisy_segments, record_name
from tests.wfdb_files import write_record

FS = 360
MINUTE = 60 * FS
EVERY = 300  # samples from beat to beat: 72 a minute


def beat_places(samples: int) -> np.ndarray:
    """Return where the beats are."""
    return np.arange(EVERY, samples - EVERY, EVERY)


def beats_at(places: np.ndarray, samples: int, height: float = 1.0) -> np.ndarray:
    """Return narrow peaks at places on a faint ripple, mV."""
    signal = 0.002 * np.sin(2 * np.pi * 7.3 * np.arange(samples) / FS)
    width = np.arange(-40, 41)
    for place in places:
        signal[place - 40 : place + 41] += height * np.exp(-0.5 * (width / 4.0) ** 2)
    return signal


def motion(samples: int, seed: int = 0) -> np.ndarray:
    """Return noise in the noisy segments alone, mV: slow, and far from zero in the mean."""
    rng, noise = np.random.default_rng(seed), np.zeros(samples)
    for _, first, end in noisy_segments(samples):
        steps = np.cumsum(rng.normal(0, 0.001, end - first))
        noise[first:end] = 0.01 + 0.02 * (steps - steps.mean()) / steps.std()
    return noise


def write_person(
    folder: Path, person: str, minutes: float = 18.0, levels: tuple[int, ...] = (24, 12, 0)
) -> np.ndarray:
    """Write a person's records at several levels, with reference beats; return the clean lead."""
    samples = round(minutes * MINUTE)
    clean, noise = beats_at(beat_places(samples), samples), motion(samples)
    for level in levels:
        noisy = clean + noise * 10 ** ((24 - level) / 20)
        name = record_name(person, level)
        both = np.stack([-noisy, noisy], axis=1)
        write_record(folder, name, both, FS, ("V1", "MLII"), gain=10_000.0)
        places = beat_places(samples)
        symbols = ["V" if n % 5 == 0 else "N" for n in range(len(places))]
        at, symbols = [10, *places, samples - 5], ["+", *symbols, "~"]
        wfdb.wrann(name, "atr", np.array(at), symbols, write_dir=str(folder))
    return clean
