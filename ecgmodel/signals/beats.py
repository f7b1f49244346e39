"""What kind of beats a window holds, by the reference annotations of a record."""

from __future__ import annotations

import numpy as np

# WFDB annotation symbols, https://physionet.org/physiobank/annotations.shtml, grouped after
# ANSI/AAMI EC57 as far as the groups go: V, F and E are its classes V and F plus ventricular
# escape; L and R, which it counts as normal, and paced beats stand alone because they are wide.
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
"""The classes in the order in which they apply to a window."""


def beat_classes(
    samples: np.ndarray, symbols: np.ndarray, starts: np.ndarray, length: int
) -> np.ndarray:
    """Return for each window the class of the beats in it.

    The first class of `CLASSES` applies of which the window holds a beat: one ventricular beat
    makes a window ventricular, and "normal" windows hold normal beats only. Annotations that are
    no beats (rhythm changes, noise, comments) do not count.

    Args:
        samples: `(beats,)`: where the annotations are, at the windows' sampling rate, any order.
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
