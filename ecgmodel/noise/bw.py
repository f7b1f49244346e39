"""Baseline wander: slow drift from respiration and movement, as recorded in nstdb's `bw`."""

import numpy as np

from ecgmodel.noise._part import Noise, NoisePart

RECORDS = ("bw",)


def draw(part: NoisePart, length: int, rng: np.random.Generator) -> Noise:
    """Return a random piece of `length` samples."""
    return part.cut("bw", length, rng)
