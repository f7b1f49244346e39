"""A sum of baseline wander, muscle artifact and electrode motion in random proportions."""

import numpy as np

from ecgmodel.noise._part import Noise, NoisePart

RECORDS = ("bw", "ma", "em")


def draw(part: NoisePart, length: int, rng: np.random.Generator) -> Noise:
    """Return a random sum: each piece has unit power times an amplitude between 0.25 and 1."""
    pieces = [part.cut(record, length, rng) for record in RECORDS]
    signals = np.stack([piece.samples for piece in pieces]).astype(np.float64)
    signals -= signals.mean(axis=1, keepdims=True)
    amplitudes = rng.uniform(0.25, 1.0, len(pieces)) / np.sqrt((signals**2).mean(axis=1))
    return Noise(amplitudes @ signals, tuple(piece.origins[0] for piece in pieces))
