"""What a beat detector makes of a signal: WFDB's XQRS, and its beats against reference beats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.signals.beats import BUNDLE_BRANCH, NORMAL, OTHER, PACED, VENTRICULAR

Array = NDArray[Any]

TOLERANCE_S = 0.15
"""Beats that are this near to each other are one (ANSI/AAMI EC57:2012)."""

BEATS = (VENTRICULAR - {"!"}) | PACED | BUNDLE_BRANCH | OTHER | NORMAL
"""Annotation symbols that mark a beat; a wave of ventricular flutter is none (EC57)."""


@dataclass(frozen=True)
class Counts:
    """How a detector did; counts of several stretches add up.

    Attributes:
        matched: Reference beats that it found.
        missed: Reference beats that it did not find.
        false: Beats that it found where none is.
    """

    matched: int
    missed: int
    false: int

    @property
    def f1(self) -> float:
        """Harmonic mean of sensitivity and positive predictivity; NaN without any beat."""
        return _share(2 * self.matched, self.missed + self.false)

    @property
    def sensitivity(self) -> float:
        """Share of the reference beats that was found."""
        return _share(self.matched, self.missed)

    @property
    def predictivity(self) -> float:
        """Share of the found beats that are beats (positive predictivity)."""
        return _share(self.matched, self.false)


@dataclass(frozen=True)
class Match:
    """Reference beats and found ones, side by side.

    Attributes:
        reference: Where the reference beats are, samples, ascending.
        found: Where beats were found, samples, ascending.
        partner: For each reference beat the index of its found beat, -1 for none.
    """

    reference: Array
    found: Array
    partner: Array

    def counts(self, first: int, end: int) -> Counts:
        """Return the counts of what lies from sample `first` to before `end`.

        A found beat at the edge that belongs to a reference beat outside is not a false one.
        """
        inside = (self.reference >= first) & (self.reference < end)
        there = (self.found >= first) & (self.found < end)
        there[self.partner[self.partner >= 0]] = False
        matched = int((self.partner[inside] >= 0).sum())
        return Counts(matched, int(inside.sum()) - matched, int(there.sum()))

    def errors(self, first: int, end: int) -> Array:
        """Return found less reference position of the matched beats of a part, samples."""
        chosen = (self.reference >= first) & (self.reference < end) & (self.partner >= 0)
        errors: Array = self.found[self.partner[chosen]] - self.reference[chosen]
        return errors


def detect_beats(lead: Array, fs: float) -> Array:
    """Return where XQRS finds beats, samples, ascending; none in a flat signal.

    Args:
        lead: `(samples,)`, mV, without missing values.
        fs: Sampling rate, Hz.
    """
    from wfdb import processing

    signal = np.asarray(lead, np.float64)
    if np.ptp(signal) == 0:  # XQRS divides by the signal's own size
        return np.zeros(0, np.int64)
    detector = processing.XQRS(sig=signal, fs=fs)
    detector.detect(verbose=False)
    return np.sort(np.asarray(detector.qrs_inds, np.int64))


def match_beats(
    reference: Array, found: Array, fs: float, tolerance_s: float = TOLERANCE_S
) -> Match:
    """Pair reference beats with found ones that are at most `tolerance_s` away.

    The pairs are those of `wfdb.processing.compare_annotations`, which takes what is *nearer* than
    its window; one sample is added, so that the tolerance itself still counts.

    Args:
        reference: Where the reference beats are, samples, ascending.
        found: Where beats were found, samples, ascending.
        fs: Sampling rate, Hz.
        tolerance_s: Largest distance of a pair, s.
    """
    from wfdb import processing

    reference, found = np.asarray(reference, np.int64), np.asarray(found, np.int64)
    if not (len(reference) and len(found)):
        return Match(reference, found, np.full(len(reference), -1))
    window = int(np.floor(tolerance_s * fs + 1e-9)) + 1
    compared = processing.compare_annotations(reference, found, window)
    return Match(reference, found, np.asarray(compared.matching_sample_nums, np.int64))


def beat_samples(samples: Array, symbols: Array) -> Array:
    """Return the annotations that mark a beat, ascending; comments and rhythms are none.

    Args:
        samples: Where the annotations are, `(n,)`.
        symbols: Their WFDB symbols, `(n,)`.
    """
    chosen = np.fromiter((s in BEATS for s in symbols), bool, len(symbols))
    return np.sort(np.asarray(samples, np.int64)[chosen])


def _share(part: float, rest: float) -> float:
    return part / (part + rest) if part + rest else float("nan")
