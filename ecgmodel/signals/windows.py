"""Positions of windows and test segments in a recording."""

from __future__ import annotations

import numpy as np


def window_starts(usable: np.ndarray, length: int) -> np.ndarray:
    """Return the starts of the consecutive windows that contain usable samples only.

    Args:
        usable: `(samples,)`, bool.
        length: Window length, samples. The grid starts at sample 0.
    """
    windows = len(usable) // length
    whole = usable[: windows * length].reshape(windows, length).all(axis=1)
    return np.flatnonzero(whole) * length


def segment_starts(starts: np.ndarray, window: int, length: int) -> np.ndarray:
    """Return the starts of the segments that fit into runs of consecutive good windows.

    Args:
        starts: Sorted starts of the good windows.
        window: Window length, samples.
        length: Segment length, samples. Segments do not overlap.
    """
    needed = -(-length // window)
    found: list[int] = []
    run_start, run = 0, 0
    for start in starts.tolist():
        if run and start == run_start + run * window:
            run += 1
        else:
            run_start, run = start, 1
        if run == needed:
            found.append(run_start)
            run = 0
    return np.asarray(found, dtype=np.int64)


def spread(starts: np.ndarray, most: int | None) -> np.ndarray:
    """Return at most `most` of the starts, evenly spaced; None keeps all."""
    if most is None or len(starts) <= most:
        return starts
    return starts[np.round(np.linspace(0, len(starts) - 1, most)).astype(int)]


def cut(signal: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """Return windows `(windows, length)` of a lead `(samples,)`."""
    if len(signal) < length:
        return np.empty((0, length), signal.dtype)
    return np.lib.stride_tricks.sliding_window_view(signal, length)[starts]
