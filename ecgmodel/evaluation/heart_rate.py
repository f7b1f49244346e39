"""The heart rate of a lead, by the beats that XQRS finds in parts of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PART_S = 30.0
PARTS = 8
"""A lead is heard in so many parts of `PART_S` at most, evenly spread; beats in 24 h would take
minutes to find."""
FEWEST_BEATS = 4
LOWEST_FS = 50.0  # Hz; XQRS looks for the power of QRS complexes up to 20 Hz


def heart_rate(lead: NDArray[Any], fs: float) -> float | None:
    """Return the heart rate, beats/min: 60 over the median RR interval of all parts.

    Args:
        lead: `(samples,)`, mV, NaN where a sample is missing.
        fs: Sampling rate, Hz.

    Returns:
        None if there are too few beats to tell, or the rate is too low to find any.
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
    """Return the RR intervals, s; none across a gap."""
    from ecgmodel.evaluation.detection import detect_beats

    there = np.isfinite(part)
    if there.mean() < 0.5:
        return np.zeros(0)
    places = np.arange(len(part))
    beats = detect_beats(np.interp(places, places[there], part[there]), fs)
    gaps = np.cumsum(~there)
    unbroken = gaps[beats[1:]] == gaps[beats[:-1]]
    return np.diff(beats)[unbroken] / fs
