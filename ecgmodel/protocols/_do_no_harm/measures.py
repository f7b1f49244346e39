"""What a method changed in a recording that needed no cleaning: shape, ST level, QRS amplitude."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.evaluation.metrics import FLAT_MV2, FS, WINDOW, drift_of
from ecgmodel.support.decibels import decibels

Array = NDArray[Any]

NEGLIGIBLE_MV = 1e-4
"""An RMS error of a tenth of a microvolt counts as this: a perfect copy has a figure too."""

ST_S = (0.05, 0.07)
BEFORE_ONSET_S = 0.02
AROUND_QRS_S = 0.06


def shape_below(target: Array, output: Array, usable: Array, window: int = WINDOW) -> Array:
    """Return by how much the error above 0.5 Hz lies below the target's power, by window, dB.

    What of the error lies below 0.5 Hz is taken out on the whole lead. The power is that of the
    target's window without its mean.

    Args:
        target: y, `(samples,)`, mV.
        output: p, of the same shape.
        usable: Where the recording can be judged, bool.
        window: Samples.

    Returns:
        `(windows,)`, consecutive ones from sample 0; NaN where a sample is not usable or the
        target is flat.
    """
    error = np.asarray(output, np.float64) - target
    shape = _windows(error - drift_of(error), window)
    power = _windows(np.asarray(target, np.float64), window).var(axis=1)
    known = _windows(usable, window).all(axis=1) & (power > FLAT_MV2)
    lost = np.maximum((shape**2).mean(axis=1), NEGLIGIBLE_MV**2)
    return decibels(np.where(known, power, np.nan), lost)


def st_levels(lead: Array, waves: Array, fs: float = FS) -> Array:
    """Return the ST level of beats: mean of J+50 to J+70 ms less that of 20 ms before the onset.

    Args:
        lead: `(samples,)`, mV.
        waves: `(n, 3)`: onset, peak and end (J) of the QRS complexes, samples.
        fs: Sampling rate, Hz.

    Returns:
        `(n,)`, mV; NaN where either part reaches over the lead's ends.
    """
    first, last = (round(s * fs) for s in ST_S)
    after = waves[:, 2, None] + np.arange(first, last + 1)
    before = waves[:, 0, None] - np.arange(round(BEFORE_ONSET_S * fs), 0, -1)
    return _mean_of(lead, after) - _mean_of(lead, before)


def qrs_amplitudes(lead: Array, beats: Array, fs: float = FS) -> Array:
    """Return the peak-to-peak amplitude within 60 ms of each beat's annotation, mV.

    Args:
        lead: `(samples,)`, mV.
        beats: Where the annotations are, `(n,)`, samples.
        fs: Sampling rate, Hz.

    Returns:
        `(n,)`; NaN where that reaches over the lead's ends.
    """
    half = round(AROUND_QRS_S * fs)
    around = beats[:, None] + np.arange(-half, half + 1)
    values = _taken(lead, around)
    amplitudes: Array = values.max(axis=1) - values.min(axis=1)
    return amplitudes


def usable_beats(usable: Array, beats: Array, fs: float = FS) -> Array:
    """Return which beats have usable samples only, from 0.2 s before to 0.3 s after them.

    Args:
        usable: `(samples,)`, bool.
        beats: Where the annotations are, `(n,)`, samples.
        fs: Sampling rate, Hz.
    """
    around = beats[:, None] + np.arange(-round(0.2 * fs), round(0.3 * fs) + 1)
    whole: Array = _taken(usable.astype(np.float64), around).min(axis=1) == 1.0
    return whole


def _mean_of(lead: Array, index: Array) -> Array:
    mean: Array = _taken(lead, index).mean(axis=1)
    return mean


def _taken(lead: Array, index: Array) -> Array:
    """Return samples at an index `(n, k)`, NaN for all of a row that leaves the lead."""
    inside = (index >= 0) & (index < len(lead))
    values = np.asarray(lead, np.float64)[np.clip(index, 0, len(lead) - 1)]
    result: Array = np.where(inside.all(axis=1, keepdims=True), values, np.nan)
    return result


def _windows(lead: Array, window: int) -> Array:
    count = len(lead) // window
    return lead[: count * window].reshape(count, window)
