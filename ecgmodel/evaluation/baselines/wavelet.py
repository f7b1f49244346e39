"""Wavelet filter: sym8, approximation removed, universal soft threshold on the details."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LABEL = "wavelet sym8, soft threshold"
WAVELET = "sym8"
WANDER_HZ = 0.5


def clean(signal: NDArray[Any], fs: float = 360.0) -> NDArray[Any]:
    """Apply soft thresholding to the wavelet details, and remove the approximation.

    The signal is decomposed to the level whose approximation ends nearest to 0.5 Hz (level 8 at
    360 Hz: 0 to 0.70 Hz). The approximation, which holds the baseline wander, is removed. The
    details are shrunk towards zero by `sigma sqrt(2 ln samples)`, where sigma is the median
    absolute value of the finest details over 0.6745 (Donoho and Johnstone 1994, "Ideal spatial
    adaptation by wavelet shrinkage").

    Args:
        signal: `(n, samples)` in mV.
        fs: Sampling rate, Hz.
    """
    import pywt

    rows = np.asarray(signal, np.float64)
    wavelet = pywt.Wavelet(WAVELET)
    level = max(1, round(np.log2(fs / 2 / WANDER_HZ)))
    level = min(level, max(1, pywt.dwt_max_level(rows.shape[-1], wavelet.dec_len)))
    wander, *details = pywt.wavedec(rows, wavelet, level=level, axis=-1)
    sigma = np.median(np.abs(details[-1]), axis=-1, keepdims=True) / 0.6745
    threshold = sigma * np.sqrt(2 * np.log(rows.shape[-1]))
    shrunk = [np.sign(d) * np.maximum(np.abs(d) - threshold, 0.0) for d in details]
    result: NDArray[Any] = pywt.waverec([np.zeros_like(wander), *shrunk], wavelet, axis=-1)
    return result[..., : rows.shape[-1]]
