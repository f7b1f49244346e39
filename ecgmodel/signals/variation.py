"""Slow random waves and interpolation at fractional samples, for augmentation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def waves(
    count: int, samples: int, cycles: tuple[float, float], rng: np.random.Generator
) -> NDArray[Any]:
    """Return sums of three sine waves with a standard deviation near one, `(count, samples)`.

    Args:
        count: Number of rows.
        samples: Samples per row.
        cycles: Minimum and maximum number of periods per row; drawn log-uniformly.
        rng: The random generator.
    """
    shape = (count, 3, 1)
    phase = rng.uniform(0, 2 * np.pi, shape)
    pace = np.exp(rng.uniform(np.log(cycles[0]), np.log(cycles[1]), shape))
    size = rng.normal(0, np.sqrt(2 / 3), shape)
    at = np.arange(samples) / samples
    angle = (2 * np.pi * pace * at + phase).astype(np.float32)  # its cosine is ten times as fast
    return np.asarray((size * np.cos(angle)).sum(axis=1))


def at_positions(rows: NDArray[Any], positions: NDArray[Any]) -> NDArray[Any]:
    """Return rows linearly interpolated at fractional positions.

    Args:
        rows: `(n, samples)`.
        positions: `(n, m)`, in samples; clipped to the row's ends.
    """
    positions = np.clip(positions, 0, rows.shape[1] - 1)
    left = np.minimum(positions.astype(np.int64), rows.shape[1] - 2)
    part = (positions - left).astype(rows.dtype)
    row = np.arange(len(rows))[:, None]
    return np.asarray(rows[row, left] * (1 - part) + rows[row, left + 1] * part)
