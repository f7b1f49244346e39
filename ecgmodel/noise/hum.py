"""Synthetic power-line interference: 50 or 60 Hz with harmonics and slowly varying amplitude."""

import numpy as np

from ecgmodel.noise._part import Noise, NoisePart
from ecgmodel.signals.standard import FS
from ecgmodel.signals.variation import waves

RECORDS = ()
HARMONICS = ((1, 1.0), (2, 0.15), (3, 0.3))  # order and maximum amplitude


def draw(part: NoisePart, length: int, rng: np.random.Generator) -> Noise:
    """Return `length` samples of hum; the frequency has a standard deviation of 0.3 Hz."""
    base = rng.choice([50.0, 60.0]) + rng.normal(0, 0.3)
    slow = (0.3, 2.0)  # periods over the whole length
    angle = 2 * np.pi * base * np.arange(length) / FS + 0.2 * waves(1, length, slow, rng)[0]
    hum = np.zeros(length)
    for order, largest in HARMONICS:
        size = largest if order == 1 else largest * rng.random()
        hum += size * np.sin(order * angle + rng.uniform(0, 2 * np.pi))
    return Noise(hum * (1 + 0.3 * waves(1, length, slow, rng)[0]), ())
