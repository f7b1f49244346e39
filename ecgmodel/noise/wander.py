"""Synthetic baseline wander: slow waves and a slope, more varied than recorded wander."""

import numpy as np

from ecgmodel.noise._part import Noise, NoisePart
from ecgmodel.signals.standard import FS
from ecgmodel.signals.variation import waves

RECORDS = ()
BAND_HZ = (0.03, 0.6)
SLOPED = 0.4  # share of draws with a slope


def draw(part: NoisePart, length: int, rng: np.random.Generator) -> Noise:
    """Return `length` samples of waves of 0.03 to 0.6 Hz, with a slope in 40 % of the draws."""
    seconds = length / FS
    slow = waves(1, length, (BAND_HZ[0] * seconds, BAND_HZ[1] * seconds), rng)[0]
    slope = rng.normal(0, 2) * np.linspace(-1, 1, length)
    return Noise(slow + slope * (rng.random() < SLOPED), ())
