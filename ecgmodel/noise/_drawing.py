"""Noise types by name: their draw functions, their shares, and scaling to an SNR."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.noise._part import Noise, NoisePart
from ecgmodel.support import plugins
from ecgmodel.support.decibels import snr_gain

FLAT = 1e-12
"""Power up to which a piece of noise counts as flat, mV^2; float32 rounding causes as much."""
Draw = Callable[[NoisePart, int, np.random.Generator], Noise]


def draw_functions(types: Iterable[str]) -> dict[str, Draw]:
    """Return the draw function of each noise type.

    Raises:
        UnknownNameError: There is no such type; the message lists the nearest names.
    """
    return {name: plugins.load("noise", name, "noise type").draw for name in types}


def shares_of(weights: Mapping[str, float]) -> tuple[list[str], NDArray[np.float64]]:
    """Return the types with a positive weight and their shares, which sum to one."""
    names = [name for name, weight in weights.items() if weight > 0]
    shares = np.array([weights[name] for name in names], float)
    return names, shares / shares.sum()


def scaled(noise: NDArray[Any], power: NDArray[Any], snr_db: NDArray[Any]) -> NDArray[np.float32]:
    """Return noise without its mean, scaled to an SNR; rows without noise stay zero.

    Args:
        noise: `(rows, samples)`, in any unit.
        power: Zero-mean power of each row's signal, mV^2.
        snr_db: SNR of each row, dB, from zero-mean powers.

    Returns:
        The scaled noise, of the same shape, mV.
    """
    noise = noise - noise.mean(axis=1, keepdims=True)
    own = np.square(noise).mean(axis=1)
    own = np.where(own > FLAT, own, 0.0)
    return np.asarray(noise * snr_gain(power, own, snr_db)[:, None], np.float32)
