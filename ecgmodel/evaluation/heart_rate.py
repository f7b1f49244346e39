"""Heart rate of a lead from beats detected by XQRS."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.support.samples import Lead

PART_S = 30.0
PARTS = 8
"""Maximum number of evenly spread parts of `PART_S` that are analysed; beat detection in a whole
24-hour recording takes minutes."""
FEWEST_BEATS = 4
LOWEST_FS = 50.0  # Hz; XQRS uses the power of QRS complexes up to 20 Hz


def heart_rate(lead: NDArray[Any] | Lead, fs: float) -> float | None:
    """Return the heart rate, beats/min: 60 over the median RR interval of all parts.

    Args:
        lead: `(samples,)`, mV, NaN where a sample is missing.
        fs: Sampling rate, Hz.

    Returns:
        None if too few beats are detected, or the sampling rate is below 50 Hz.
    """
    length = round(PART_S * fs)
    if fs < LOWEST_FS or len(lead) < 2 * fs:
        return None
    last = max(0, len(lead) - length)
    starts = np.unique(np.linspace(0, last, min(PARTS, 1 + last // length)).astype(int))
    intervals = np.concatenate([_intervals(lead[s : s + length], fs) for s in starts])
    if len(intervals) < FEWEST_BEATS - 1:
        return None
    return round(60.0 / float(np.median(intervals)), 1)


def _intervals(part: NDArray[Any], fs: float) -> NDArray[np.float64]:
    """Return the RR intervals, s, without those across a gap."""
    from ecgmodel.evaluation.detection import detect_beats

    finite = np.isfinite(part)
    if finite.mean() < 0.5:
        return np.zeros(0)
    samples = np.arange(len(part))
    beats = detect_beats(np.interp(samples, samples[finite], part[finite]), fs)
    gaps = np.cumsum(~finite)
    unbroken = gaps[beats[1:]] == gaps[beats[:-1]]
    return np.diff(beats)[unbroken] / fs
