"""Ratios of powers in decibels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def decibels(power: ArrayLike, reference: ArrayLike = 1.0) -> NDArray[Any]:
    """Return `10 log10(power / reference)`, NaN where either is zero (never infinite).

    The SNR of a signal is that of its zero-mean power over the noise's.
    """
    above, below = np.asarray(power), np.asarray(reference)
    usable = (above > 0) & (below > 0)
    ratio: NDArray[Any] = np.where(usable, above, np.nan) / np.where(usable, below, 1.0)
    return 10 * np.log10(ratio)
