"""A recording in standard form: its sampling rate, the names of its files, its high-pass."""

from __future__ import annotations

import numpy as np

FS = 360.0
"""Sampling rate of all recordings after resampling, Hz."""
RECORDED, TARGET, USABLE, BEATS = "recorded.npy", "target.npy", "usable.npy", "beats.parquet"


def highpass(signal: np.ndarray, cutoff: float = 0.5) -> np.ndarray:
    """Remove baseline wander by a Butterworth high-pass of order 2, forward and backward.

    Zero-phase high-pass filters up to 0.67 Hz do not distort the ST segment (Kligfield et al.
    2007, AHA/ACC/HRS recommendations part I, https://doi.org/10.1161/CIRCULATIONAHA.106.180200).

    Args:
        signal: `(samples, leads)` at 360 Hz.
        cutoff: Cutoff frequency, Hz; each of the two passes attenuates it by 3 dB.
    """
    import scipy.signal

    sos = scipy.signal.butter(2, cutoff, "highpass", fs=FS, output="sos")
    padding = min(len(signal) - 1, int(3 * FS / cutoff))
    return np.asarray(scipy.signal.sosfiltfilt(sos, signal, axis=0, padlen=padding))
