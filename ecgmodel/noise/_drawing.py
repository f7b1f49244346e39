"""Noise types by name: what draws a piece, how often each comes up, and how a piece is scaled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.noise._part import Noise, NoisePart
from ecgmodel.support import plugins

Draw = Callable[[NoisePart, int, np.random.Generator], Noise]


def drawers(types: Iterable[str]) -> dict[str, Draw]:
    """Return what draws a piece of each noise type.

    Raises:
        UnknownNameError: There is no such type; the message gives the nearest names.
    """
    return {name: plugins.load("noise", name, "noise type").draw for name in types}


def shares_of(weights: Mapping[str, float]) -> tuple[list[str], NDArray[np.float64]]:
    """Return the types that come up, and how often; the shares sum to one."""
    names = [name for name, weight in weights.items() if weight > 0]
    shares = np.array([weights[name] for name in names], float)
    return names, shares / shares.sum()


def scaled(noise: NDArray[Any], power: NDArray[Any], snr_db: NDArray[Any]) -> NDArray[np.float32]:
    """Return noise without its mean, at an SNR against a power; rows without noise stay zero.

    Args:
        noise: `(rows, samples)`.
        power: Zero-mean power of the signal of each row, mV^2.
        snr_db: Zero-mean power SNR of each row, dB.
    """
    noise = noise - noise.mean(axis=1, keepdims=True)
    own = np.square(noise).mean(axis=1)
    gain = np.sqrt(power / np.maximum(own, 1e-12) / 10 ** (snr_db / 10))
    return np.asarray(noise * np.where(own > 1e-12, gain, 0.0)[:, None], np.float32)
