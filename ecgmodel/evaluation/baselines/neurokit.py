"""The default ECG filter of NeuroKit2."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LABEL = "neurokit2 ecg_clean"


def clean(signal: NDArray[Any], fs: float = 360.0) -> NDArray[Any]:
    """Clean each row with `neurokit2.ecg_clean(method="neurokit")`.

    It consists of a fifth-order Butterworth high-pass filter at 0.5 Hz and a moving average over
    one period of the power line (50 Hz) (Makowski et al. 2021, "NeuroKit2").

    Args:
        signal: `(n, samples)` in mV.
        fs: Sampling rate, Hz; rounded, since neurokit2 takes integers.
    """
    import neurokit2

    rows = np.asarray(signal, np.float64)
    return np.stack([neurokit2.ecg_clean(row, sampling_rate=round(fs)) for row in rows])
