"""Synthetic electrode pops: one to three jumps that decay with time constants of 0.03 to 2 s."""

import numpy as np

from ecgmodel.noise._part import Noise, NoisePart
from ecgmodel.signals.standard import FS

RECORDS = ()
CHANCES = (1.0, 0.4, 0.2)  # probability of the first, second and third pop
DECAY_S = (0.03, 2.0)


def draw(part: NoisePart, length: int, rng: np.random.Generator) -> Noise:
    """Return `length` samples; a pop may start before the first of them."""
    at, pops = np.arange(length), np.zeros(length)
    for chance in CHANCES:
        present, size = rng.random() < chance, rng.normal()
        since = at - rng.uniform(-0.2 * length, 0.9 * length)
        decay = np.exp(rng.uniform(*np.log(DECAY_S))) * FS
        pops += present * size * np.where(since >= 0, np.exp(-np.maximum(since, 0) / decay), 0)
    return Noise(pops, ())
