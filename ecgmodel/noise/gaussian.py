"""Synthetic Gaussian noise, white to pink, full-band or band-limited, with varying amplitude.

Amplifiers and ADCs add white noise. Band-limited noise teaches the network to remove unstructured
signals at any frequency.
"""

import numpy as np

from ecgmodel.noise._part import Noise, NoisePart
from ecgmodel.signals.standard import FS
from ecgmodel.signals.variation import waves

RECORDS = ()
COLOURED, HIGH_PASSED, WHOLE_BAND = 0.5, 0.3, 0.4  # shares of draws


def draw(part: NoisePart, length: int, rng: np.random.Generator) -> Noise:
    """Return `length` samples; the amplitude falls with frequency to the power 0 to 0.5."""
    frequency = np.fft.rfftfreq(length, 1 / FS)
    spectrum = np.fft.rfft(rng.normal(size=length))
    slope = rng.uniform(0, 0.5) * (rng.random() < COLOURED)
    lowest = rng.uniform(0, 40) * (rng.random() < HIGH_PASSED)
    highest = max(np.exp(rng.uniform(np.log(4), np.log(FS / 2))), lowest + 10)
    highest = FS if rng.random() < WHOLE_BAND else highest
    shape = np.maximum(frequency, 0.5) ** -slope * (frequency >= lowest) * (frequency <= highest)
    swing = 1 + 0.3 * waves(1, length, (0.3, 2.0), rng)[0]
    return Noise(np.fft.irfft(spectrum * shape, length) * swing, ())
