"""Ratios of powers in decibels, and the gain that scales noise to an SNR."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def decibels(power: ArrayLike, reference: ArrayLike = 1.0) -> NDArray[Any]:
    """Return `10 log10(power / reference)`, NaN where either is zero (never infinite).

    The SNR of a signal is the ratio of its zero-mean power to the zero-mean power of the noise.
    """
    above, below = np.asarray(power), np.asarray(reference)
    usable = (above > 0) & (below > 0)
    ratio: NDArray[Any] = np.where(usable, above, np.nan) / np.where(usable, below, 1.0)
    return 10 * np.log10(ratio)


def snr_gain(power: ArrayLike, noise_power: ArrayLike, snr_db: ArrayLike) -> NDArray[Any]:
    """Return the factor that scales zero-mean noise to an SNR; 0 without noise.

    Args:
        power: Zero-mean power of the signal, mV^2.
        noise_power: Zero-mean power of the noise, mV^2.
        snr_db: The target SNR, dB; NaN for no noise.
    """
    own, level = np.asarray(noise_power, np.float64), np.asarray(snr_db, np.float64)
    noisy = (own > 0) & ~np.isnan(level)
    with np.errstate(invalid="ignore"):
        gain = np.sqrt(np.asarray(power) / (np.where(noisy, own, 1.0) * 10 ** (level / 10)))
    return np.where(noisy, gain, 0.0)
