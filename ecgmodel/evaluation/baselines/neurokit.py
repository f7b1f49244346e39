"""neurokit2's default ECG cleaner."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LABEL = "neurokit2 ecg_clean"


def clean(signal: NDArray[Any], fs: float = 360.0) -> NDArray[Any]:
    """Clean each row with `neurokit2.ecg_clean(method="neurokit")`.

    That is a fifth-order Butterworth high-pass at 0.5 Hz and a moving average of one period of
    the mains (50 Hz) (Makowski et al. 2021, "NeuroKit2").

    Args:
        signal: `(n, samples)` in mV.
        fs: Sampling rate, Hz; neurokit2 takes whole numbers.
    """
    import neurokit2

    rows = np.asarray(signal, np.float64)
    return np.stack([neurokit2.ecg_clean(row, sampling_rate=round(fs)) for row in rows])
