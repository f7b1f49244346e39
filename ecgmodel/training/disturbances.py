"""Synthetic disturbances for training: drift, power line hum, electrode pops, random noise.

Each returns `(count, samples)`, of any scale: who adds them sets it.
"""

from __future__ import annotations

import numpy as np

from ecgmodel.signals.resampling import FS
from ecgmodel.training.variation import waves


def wander(count: int, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return drift: waves of 0.03 to 0.6 Hz, and a slope."""
    seconds = samples / FS
    slow = waves(count, samples, (0.03 * seconds, 0.6 * seconds), rng)
    slope = rng.normal(0, 2, (count, 1)) * np.linspace(-1, 1, samples)
    return slow + slope * (rng.random((count, 1)) < 0.4)


def hum(count: int, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return hum near 50 or 60 Hz, its harmonics, slowly swelling."""
    at = np.arange(samples) / FS
    base = rng.choice([50.0, 60.0], (count, 1)) + rng.normal(0, 0.3, (count, 1))
    drift = 0.2 * waves(count, samples, (0.3, 2.0), rng)
    result = np.zeros((count, samples))
    for order, strength in ((1, 1.0), (2, 0.15), (3, 0.3)):
        size = strength * (1 if order == 1 else rng.random((count, 1)))
        phase = rng.uniform(0, 2 * np.pi, (count, 1))
        result += size * np.sin(order * (2 * np.pi * base * at + drift) + phase)
    return result * (1 + 0.3 * waves(count, samples, (0.3, 2.0), rng))


def pops(count: int, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return electrode pops: one to three jumps that die away within 0.03 to 2 s."""
    result = np.zeros((count, samples))
    at = np.arange(samples)
    for number in range(3):
        there = (rng.random((count, 1)) < (1.0, 0.4, 0.2)[number]) * rng.normal(0, 1, (count, 1))
        start = rng.uniform(-0.2 * samples, samples, (count, 1))
        length = np.exp(rng.uniform(np.log(0.03), np.log(2), (count, 1))) * FS
        since = at - start
        result += there * np.where(since >= 0, np.exp(-np.maximum(since, 0) / length), 0)
    return result


def gaussian(count: int, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return Gaussian noise, white to pink, as it is or within a band, swelling.

    That of amplifiers and converters is white; in bands it teaches that what has no shape is noise,
    wherever it lies.
    """
    frequency = np.fft.rfftfreq(samples, 1 / FS)[None]
    spectrum = np.fft.rfft(rng.normal(size=(count, samples)))
    slope = rng.uniform(0, 0.5, (count, 1)) * (rng.random((count, 1)) < 0.5)
    lowest = rng.uniform(0, 40, (count, 1)) * (rng.random((count, 1)) < 0.3)
    highest = np.exp(rng.uniform(np.log(4), np.log(FS / 2), (count, 1)))
    highest = np.where(rng.random((count, 1)) < 0.4, FS, np.maximum(highest, lowest + 10))
    shape = np.maximum(frequency, 0.5) ** -slope * (frequency >= lowest) * (frequency <= highest)
    swing = 1 + 0.3 * waves(count, samples, (0.3, 2.0), rng)
    return np.fft.irfft(spectrum * shape, samples) * swing
