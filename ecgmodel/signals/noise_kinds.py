"""How much of a removed noise is wander, hum, muscle and the rest, by frequency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ecgmodel.support.samples import Samples

BLOCK_S = 10.0
WANDER_HZ, MUSCLE_HZ = 0.5, 20.0
"""Baseline wander is below, muscle noise above; between lie electrode motion and the rest."""
MAINS_HZ, MAINS_WIDTH_HZ = (50.0, 60.0), 0.5
AT_ONCE = 60  # blocks


@dataclass(frozen=True)
class NoiseKinds:
    """RMS of the removed noise by kind, mV, over all leads.

    Attributes:
        wander: Below 0.5 Hz, without what is constant for 10 s.
        motion: From 0.5 to 20 Hz: electrode motion, and all else at the frequencies of the ECG.
        hum: At 50 or 60 Hz, as far as it stands out from its neighbours.
        muscle: Above 20 Hz, without the hum.
    """

    wander: float
    motion: float
    hum: float
    muscle: float


def noise_kinds(noisy: Samples, cleaned: Samples, fs: float) -> NoiseKinds:
    """Return how much noise of each kind cleaning removed; NaN of all kinds if nothing is known.

    Args:
        noisy: The input, `(samples, leads)`, mV, NaN where a sample is missing.
        cleaned: The output, of the same shape.
        fs: Sampling rate, Hz.
    """
    length = max(2, round(BLOCK_S * fs))
    total, count = np.zeros(4), 0
    for start in range(0, max(1, len(noisy) - length + 1), AT_ONCE * length):
        here = slice(start, start + AT_ONCE * length)
        removed = noisy[here] - cleaned[here]
        size = min(length, len(removed))
        blocks = removed[: len(removed) // size * size].reshape(-1, size, removed.shape[1])
        blocks = np.moveaxis(blocks, 2, 1).reshape(-1, size)
        blocks = blocks[np.isfinite(blocks).all(axis=1)]
        total += _powers(blocks, fs)
        count += len(blocks)
    rms = np.sqrt(total / count) if count else np.full(4, np.nan)
    return NoiseKinds(*map(float, rms))


def _powers(blocks: NDArray[np.float64], fs: float) -> NDArray[np.float64]:
    """Return the summed mean squares of blocks `(n, samples)`, by kind, mV²."""
    size = blocks.shape[1]
    taper = np.hanning(size)
    level = blocks - blocks.mean(axis=1, keepdims=True)
    power = np.abs(scipy.fft.rfft(level * taper, axis=1)) ** 2
    power *= 2 / (size * np.sum(taper**2))
    at = scipy.fft.rfftfreq(size, 1 / fs)
    spectrum = power.sum(axis=0)
    hum = max(_hum(spectrum, at, mains) for mains in MAINS_HZ)
    wander = spectrum[at < WANDER_HZ].sum()
    muscle = spectrum[at >= MUSCLE_HZ].sum() - hum
    return np.array([wander, spectrum.sum() - wander - muscle - hum, hum, muscle])


def _hum(spectrum: NDArray[np.float64], at: NDArray[np.float64], mains: float) -> float:
    """Return the power at a frequency of the mains above that of its neighbours."""
    apart = np.abs(at - mains)
    inside, beside = apart <= MAINS_WIDTH_HZ, (apart > 1) & (apart <= 4)
    if at[-1] < mains + 1:
        return 0.0
    return max(0.0, float(spectrum[inside].sum() - inside.sum() * np.median(spectrum[beside])))
