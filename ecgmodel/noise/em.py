"""Electrode motion artifact: jumps and bumps in the QRS band, as recorded in nstdb's `em`."""

import numpy as np

from ecgmodel.noise._part import Noise, NoisePart

RECORDS = ("em",)


def draw(part: NoisePart, length: int, rng: np.random.Generator) -> Noise:
    """Return a random piece of `length` samples."""
    return part.cut("em", length, rng)
