"""A sum of baseline wander, muscle artifact and electrode motion in random proportions."""

import numpy as np

from ecgmodel.noise._part import Noise, NoisePart

RECORDS = ("bw", "ma", "em")


def draw(part: NoisePart, length: int, rng: np.random.Generator) -> Noise:
    """Return a random sum: each piece has unit power, times an amplitude between 0.25 and 1."""
    pieces = [part.cut(record, length, rng) for record in RECORDS]
    amplitudes = rng.uniform(0.25, 1.0, len(pieces))
    summed = sum(a * p.samples / p.samples.std() for a, p in zip(amplitudes, pieces, strict=True))
    return Noise(np.asarray(summed), tuple(p.origins[0] for p in pieces))
