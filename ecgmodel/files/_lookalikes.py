"""Columns that are named like an ECG lead and are none: flags, counters, rates.

A lead that the user, the format's type or a full set of standard leads declares an ECG is not
looked at: in asystole, or with its electrode off, it may look like anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from ecgmodel.errors import HintNeededError
from ecgmodel.files._ecg import Recording

PIECES, PIECE_S = 64, 10.0
FLAG_VALUES = 4
"""An ECG that is not flat has more values than this: 2 bits show no wave."""
COUNTS = 0.98
"""Share of equal steps, other than zero, of a counter or of times."""
CHANGES_S = 5.0
"""Changes a second of a value that is set beat by beat; an ECG has far more."""
SLOW_S, SLOW, AWAY = 0.2, 0.04, 2.0
"""Of a rate drawn from beat to beat, what is faster than 0.2 s is below 4 % of the spread (3 % with
straight lines; 36 % or more in each lead of 146 recordings), and it is far from zero."""
LEAST_MV, LEAST_S = 1e-3, 1.0


def check_lookalikes(recording: Recording, path: Path) -> Recording:
    """Return a recording unchanged after a check that its leads may be ECG.

    Raises:
        HintNeededError: The samples of a lead that nothing declares an ECG are not those of one.
    """
    doubted = [i for i, sure in enumerate(recording.declared) if not sure]
    if not doubted:
        return recording
    pieces = _pieces(recording)
    found = {i: lookalike([piece[:, i] for piece in pieces], recording.fs) for i in doubted}
    if any(found.values()):
        each = "; ".join(f"{recording.leads[i]!r} {what}" for i, what in found.items() if what)
        raise HintNeededError(
            "--column",
            f"{path.name}: it is doubtful whether these columns are ECG leads: {each}. Name the "
            "leads with --column; what is named is cleaned.",
        )
    return recording


def _pieces(recording: Recording) -> list[NDArray[np.float64]]:
    """Return pieces of 10 s spread over a recording, all of it if it is short."""
    samples, length = len(recording.signal), max(1, round(PIECE_S * recording.fs))
    starts = np.unique(np.linspace(0, max(0, samples - length), PIECES).astype(int))
    if samples <= length * PIECES:
        starts = np.arange(0, samples, length)
    return [np.asarray(recording.signal[start : start + length]) for start in starts.tolist()]


def lookalike(pieces: Sequence[NDArray[np.float64]], fs: float) -> str:
    """Return what the samples of a lead look like if they are no ECG, "" if they may be one.

    Args:
        pieces: Samples `(n,)` of one lead from several places, mV, NaN where missing.
        fs: Their rate, Hz.
    """
    known = [kept for piece in pieces if len(kept := piece[np.isfinite(piece)]) > SLOW_S * fs]
    values = np.concatenate(known) if known else np.empty(0)
    if len(values) < LEAST_S * fs or not values.any():
        return ""  # too little to doubt, or a line at 0 mV, which cleaning leaves
    if (count := len(np.unique(values))) <= FLAG_VALUES:
        return f"has only {count} different {'values' if count > 1 else 'value'}, as flags have"
    steps = [np.diff(piece) for piece in known]
    moves = np.concatenate(steps)
    usual = float(np.median(moves))
    if usual and np.mean(np.isclose(moves, usual, rtol=1e-3, atol=0)) > COUNTS:
        return "changes by the same step each time, as a counter or times do"
    if max(np.count_nonzero(step) / len(step) for step in steps) * fs < CHANGES_S:
        return "stays the same from beat to beat, as a rate does"
    if max(_quickness(piece, fs) for piece in known) < SLOW and _is_away(values):
        return "changes slowly and far from zero, as a rate does"
    span = float(np.subtract(*np.percentile(values, [99, 1])))
    if span < LEAST_MV:
        return f"has a range of {span:.2g} mV, too little for an ECG (is the unit right?)"
    return ""


def _quickness(piece: NDArray[np.float64], fs: float) -> float:
    """Return the share of a piece's spread that is faster than `SLOW_S`."""
    spread = float(piece.std())
    slow = scipy.ndimage.uniform_filter1d(piece, max(2, round(SLOW_S * fs)), mode="nearest")
    return float((piece - slow).std()) / spread if spread else 0.0


def _is_away(values: NDArray[np.float64]) -> bool:
    """Return whether values are far from zero for their spread."""
    return abs(float(np.median(values))) > AWAY * float(values.std())
