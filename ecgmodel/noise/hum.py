"""Synthetic power-line hum: 50 or 60 Hz with harmonics, swelling slowly."""

import numpy as np

from ecgmodel.noise._part import Noise, NoisePart
from ecgmodel.signals.resampling import FS
from ecgmodel.signals.variation import waves

RECORDS = ()
HARMONICS = ((1, 1.0), (2, 0.15), (3, 0.3))  # order and largest amplitude


def draw(part: NoisePart, length: int, rng: np.random.Generator) -> Noise:
    """Return `length` samples of hum; its frequency strays by 0.3 Hz (standard deviation)."""
    base = rng.choice([50.0, 60.0]) + rng.normal(0, 0.3)
    slow = (0.3, 2.0)  # periods a piece
    angle = 2 * np.pi * base * np.arange(length) / FS + 0.2 * waves(1, length, slow, rng)[0]
    hum = np.zeros(length)
    for order, largest in HARMONICS:
        size = largest if order == 1 else largest * rng.random()
        hum += size * np.sin(order * angle + rng.uniform(0, 2 * np.pi))
    return Noise(hum * (1 + 0.3 * waves(1, length, slow, rng)[0]), ())
