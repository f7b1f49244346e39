"""Butterworth band-pass filter from 0.5 to 40 Hz, zero phase."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal as dsp

LABEL = "Butterworth 0.5-40 Hz, zero phase"
BAND_HZ = (0.5, 40.0)
ORDER = 2
PADDING_S = 4.0


def clean(signal: NDArray[Any], fs: float = 360.0) -> NDArray[Any]:
    """Apply a zero-phase band-pass filter.

    The filter of second order at each edge is applied forwards and backwards, which gives the
    attenuation of fourth order and -6 dB at 0.5 and 40 Hz. Both ends are padded by four seconds of
    odd reflection, since the lower edge needs seconds to settle.

    Args:
        signal: `(n, samples)` in mV.
        fs: Sampling rate, Hz.
    """
    sections = dsp.butter(ORDER, BAND_HZ, btype="bandpass", fs=fs, output="sos")
    padding = min(signal.shape[-1] - 1, round(PADDING_S * fs))
    result: NDArray[Any] = dsp.sosfiltfilt(
        sections, np.asarray(signal, np.float64), axis=-1, padlen=padding
    )
    return result
