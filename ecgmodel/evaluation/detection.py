"""Beat detection with the XQRS detector of WFDB, and comparison with reference beats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.signals.beats import BUNDLE_BRANCH, NORMAL, OTHER, PACED, VENTRICULAR

Array = NDArray[Any]

TOLERANCE_S = 0.15
"""Largest distance of a detected beat from its reference beat, s (ANSI/AAMI EC57:2012)."""

BEATS = (VENTRICULAR - {"!"}) | PACED | BUNDLE_BRANCH | OTHER | NORMAL
"""Annotation symbols of beats; waves of ventricular flutter are not counted as beats (EC57)."""


@dataclass(frozen=True)
class Counts:
    """Counts of a beat detector; those of several segments can be added.

    Attributes:
        matched: True positives: reference beats that were detected.
        missed: False negatives: reference beats that were not detected.
        false: False positives: detected beats without a reference beat.
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
        """Share of the reference beats that were detected."""
        return _share(self.matched, self.missed)

    @property
    def predictivity(self) -> float:
        """Share of the detected beats that are reference beats (positive predictivity)."""
        return _share(self.matched, self.false)


@dataclass(frozen=True)
class Match:
    """Reference beats matched with detected beats.

    Attributes:
        reference: Positions of the reference beats, samples, ascending.
        found: Positions of the detected beats, samples, ascending.
        partner: For each reference beat, the index of its detected beat; -1 for none.
    """

    reference: Array
    found: Array
    partner: Array

    def counts(self, first: int, end: int) -> Counts:
        """Return the counts between sample `first` (included) and `end` (excluded).

        A detected beat inside that matches a reference beat outside is not a false positive.
        """
        inside = (self.reference >= first) & (self.reference < end)
        unmatched = (self.found >= first) & (self.found < end)
        unmatched[self.partner[self.partner >= 0]] = False
        matched = int((self.partner[inside] >= 0).sum())
        return Counts(matched, int(inside.sum()) - matched, int(unmatched.sum()))

    def errors(self, first: int, end: int) -> Array:
        """Return detected minus reference position of the matched beats of a part, samples."""
        chosen = (self.reference >= first) & (self.reference < end) & (self.partner >= 0)
        errors: Array = self.found[self.partner[chosen]] - self.reference[chosen]
        return errors


def detect_beats(lead: Array, fs: float) -> Array:
    """Return the positions of beats detected by XQRS, samples, ascending; none if flat.

    Args:
        lead: `(samples,)`, mV, without missing values.
        fs: Sampling rate, Hz.
    """
    from wfdb import processing

    signal = np.asarray(lead, np.float64)
    if np.ptp(signal) == 0:  # XQRS divides by the signal's range
        return np.zeros(0, np.int64)
    detector = processing.XQRS(sig=signal, fs=fs)
    detector.detect(verbose=False)
    return np.sort(np.asarray(detector.qrs_inds, np.int64))


def match_beats(
    reference: Array, found: Array, fs: float, tolerance_s: float = TOLERANCE_S
) -> Match:
    """Match reference beats with detected beats that are at most `tolerance_s` away.

    Uses `wfdb.processing.compare_annotations`, which requires a distance *below* its limit; one
    sample is added to the limit, so that a distance equal to the tolerance counts as a match.

    Args:
        reference: Positions of the reference beats, samples, ascending.
        found: Positions of the detected beats, samples, ascending.
        fs: Sampling rate, Hz.
        tolerance_s: Largest distance of a match, s.
    """
    from wfdb import processing

    reference, found = np.asarray(reference, np.int64), np.asarray(found, np.int64)
    if not (len(reference) and len(found)):
        return Match(reference, found, np.full(len(reference), -1))
    limit = int(np.floor(tolerance_s * fs + 1e-9)) + 1
    compared = processing.compare_annotations(reference, found, limit)
    return Match(reference, found, np.asarray(compared.matching_sample_nums, np.int64))


def beat_samples(samples: Array, symbols: Array) -> Array:
    """Return the positions of beat annotations, ascending, without comments and rhythm changes.

    Args:
        samples: Positions of all annotations, samples, `(n,)`.
        symbols: Their WFDB symbols, `(n,)`.
    """
    chosen = np.fromiter((s in BEATS for s in symbols), bool, len(symbols))
    return np.sort(np.asarray(samples, np.int64)[chosen])


def _share(part: float, rest: float) -> float:
    return part / (part + rest) if part + rest else float("nan")
