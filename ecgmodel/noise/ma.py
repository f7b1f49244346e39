"""Muscle artifact: EMG of nearby muscles, as recorded in nstdb's `ma`."""

import numpy as np

from ecgmodel.noise._part import Noise, NoisePart

RECORDS = ("ma",)


def draw(part: NoisePart, length: int, rng: np.random.Generator) -> Noise:
    """Return a random piece of `length` samples."""
    return part.cut("ma", length, rng)
