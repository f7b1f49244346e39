"""The beat class of a window, from the reference annotations of a record."""

from __future__ import annotations

import numpy as np

# WFDB annotation symbols, https://physionet.org/physiobank/annotations.shtml, grouped like the
# classes of ANSI/AAMI EC57 with two changes: V, F and ventricular escape form one group, and
# bundle-branch block beats (normal in EC57) and paced beats are separate because they are wide.
VENTRICULAR = frozenset("VEFr!")  # r: R-on-T, !: wave of ventricular flutter
PACED = frozenset("/f")  # f: fusion of paced and normal
BUNDLE_BRANCH = frozenset("LRB")
OTHER = frozenset("AaJSejnQ?")  # supraventricular, escape and unclassified beats
NORMAL = frozenset("N")

CLASSES: tuple[str, ...] = (
    "ventricular",
    "paced",
    "bundle branch",
    "other",
    "normal",
    "no beats",
)
"""The classes, in order of precedence."""


def beat_classes(
    samples: np.ndarray, symbols: np.ndarray, starts: np.ndarray, length: int
) -> np.ndarray:
    """Return the beat class of each window.

    It is the first class of `CLASSES` with a beat in the window: one ventricular beat makes a
    window ventricular, and "normal" windows contain normal beats only. Annotations other than
    beats (rhythm changes, noise, comments) are ignored.

    Args:
        samples: `(beats,)`: samples of the annotations at the windows' sampling rate, any order.
        symbols: `(beats,)`: their WFDB symbols.
        starts: `(windows,)`: first samples of the windows.
        length: Window length, samples.

    Returns:
        `(windows,)`, str.

    Example:
        >>> at, symbols = np.array([5, 15]), np.array(["N", "V"])
        >>> beat_classes(at, symbols, np.array([0, 10, 20]), 10).tolist()
        ['normal', 'ventricular', 'no beats']
    """
    groups = (VENTRICULAR, PACED, BUNDLE_BRANCH, OTHER, NORMAL)
    samples, starts = np.asarray(samples), np.asarray(starts)
    holds = []
    for group in groups:
        of_group = np.fromiter((s in group for s in symbols), dtype=bool, count=len(samples))
        at = np.sort(samples[of_group])
        holds.append(np.searchsorted(at, starts + length) > np.searchsorted(at, starts))
    return np.select(holds, CLASSES[: len(groups)], default=CLASSES[-1])
