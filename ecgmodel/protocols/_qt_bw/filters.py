"""The two classical filters of the published table, as the published code runs them on a window.

They check the protocol: nothing in them is trained, so their figures come out as published only
where windows, noise and metrics are. Source: fperdigon/DeepFilter, `digitalFilters/dfilters.py`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal as dsp

from ecgmodel.protocols._qt_bw.windows import FS, SAMPLES

Array = NDArray[Any]

LOW_HZ, HIGH_HZ = 0.67, 150.0
TRANSITION_HZ = 0.07
RIPPLE_DB = 61 / 4.5
ORDER = 4


def fir(windows: Array) -> Array:
    """Return windows through the Kaiser FIR high-pass at 0.67 Hz, then the low-pass at 150 Hz.

    Both run forwards and backwards over the window, which has its mirror before it and its last
    value after it until it is three filters long. All of that is linear, so it is done once, to
    the unit impulses, and a window costs a matrix product.

    Args:
        windows: `(n, 512)`, mV at 360 Hz.
    """
    result: Array = np.asarray(windows, np.float64) @ _fir_matrix()
    return result


def iir(windows: Array) -> Array:
    """Return windows through Butterworth filters of order 4: high-pass 0.67, low-pass 150 Hz.

    Both run forwards and backwards.

    Args:
        windows: `(n, 512)`, mV at 360 Hz.
    """
    result: Array = np.asarray(windows, np.float64)
    for edge, kind in ((LOW_HZ, "highpass"), (HIGH_HZ, "lowpass")):
        b, a = dsp.butter(ORDER, edge, kind, fs=FS)
        result = dsp.filtfilt(b, a, result, axis=-1)
    return result


@cache
def _fir_matrix() -> Array:
    """Return what the FIR filters make of each of the 512 unit impulses, `(512, 512)`."""
    result = np.eye(SAMPLES)
    for edge, kind in ((LOW_HZ, "highpass"), (HIGH_HZ, "lowpass")):
        result = _filter_extended(result, edge, kind)
    return result


def _filter_extended(rows: Array, edge: float, kind: str) -> Array:
    length, beta = dsp.kaiserord(RIPPLE_DB, TRANSITION_HZ / (FS / 2))
    taps = dsp.firwin(length, edge, window=("kaiser", beta), pass_zero=kind, fs=FS)
    after = np.repeat(rows[:, -1:], 3 * length - SAMPLES, axis=1)
    extended = np.concatenate([rows[:, ::-1], rows, after], axis=1)
    return _filtfilt(taps, extended)[:, SAMPLES : 2 * SAMPLES]


def _filtfilt(taps: Array, rows: Array) -> Array:
    """Return what `scipy.signal.filtfilt(taps, 1, rows)` does, by fast convolution.

    For a filter without feedback SciPy's initial state is a constant past.
    """
    margin = 3 * len(taps)
    result = np.pad(rows, ((0, 0), (margin, margin)), mode="reflect", reflect_type="odd")
    for _ in range(2):
        past = np.pad(result, ((0, 0), (len(taps) - 1, 0)), mode="edge")
        result = dsp.oaconvolve(past, taps[None, :], mode="valid", axes=-1)[:, ::-1]
    return result[:, margin:-margin]
