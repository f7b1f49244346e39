"""Gaps bridged and rates changed while a signal comes in, whatever pieces it comes in.

Both are local: what comes out at one place depends on few samples around it, never on the whole
signal, and so not on the pieces either.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from ecgmodel.denoise.tiles import mirrored
from ecgmodel.signals.resampling import FS

Array = NDArray[np.float64]

BRIDGE_S = 1.0
"""A longer gap keeps the last value until so long before its end."""
LARGEST_DENOMINATOR = 2000  # of the ratio of rates
ZEROS = 10  # of the resampling filter on either side, as scipy.signal.resample_poly has them
BETA = 5.0  # of its Kaiser window, likewise


class Bridging:
    """Fills what is missing: straight lines over short gaps, the last value in long ones.

    Args:
        leads: How many signals there are.
        reach: Samples of the longest straight line; so far ahead it has to look.
    """

    def __init__(self, leads: int, reach: int) -> None:
        self.reach = reach
        self._waiting = np.zeros((0, leads))
        self._level = np.full(leads, np.nan)  # the last value that came out

    def push(self, signal: Array) -> Array:
        """Take further samples `(n, leads)`, NaN where missing, and return those that are decided.

        They are `reach` samples behind.
        """
        return self._decide(np.concatenate([self._waiting, signal]), self.reach)

    def finish(self) -> Array:
        """Return the rest."""
        return self._decide(self._waiting, 0)

    def _decide(self, signal: Array, ahead: int) -> Array:
        count = max(0, len(signal) - ahead)
        filled = signal[:count].copy()
        for lead in np.flatnonzero(np.isnan(filled).any(axis=0)):
            filled[:, lead] = self._filled(signal[:, lead], count, self._level[lead])
        if count:
            self._level = filled[-1]
        self._waiting = signal[count:].copy()
        return filled

    def _filled(self, lead: Array, count: int, level: float) -> Array:
        """Return the first `count` samples of a lead; before the first known one it is level."""
        missing = np.isnan(lead)
        places = np.arange(len(lead))
        following = np.where(missing, len(lead), places)
        following = np.minimum.accumulate(following[::-1])[::-1]
        filled = lead.copy()
        edges = np.diff(missing[:count].astype(np.int8), prepend=0, append=0)
        starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        for start, stop in zip(starts, stops, strict=True):
            held = filled[start - 1] if start else level
            end = following[start]  # the next known sample, or none
            known = end < len(lead)
            line = max(start, end - self.reach) if known else stop
            if np.isnan(held):
                held = lead[end] if known and end - start <= self.reach else 0.0
            filled[start : min(line, stop)] = held
            if line < stop:
                steps = np.arange(line, stop) - line + 1
                filled[line:stop] = held + (lead[end] - held) * steps / (end - line + 1)
        return filled[:count]


class Resampling:
    """Changes the rate by a polyphase filter; the signal is mirrored at both ends.

    A constant stays constant to the bit, since each phase of the filter sums to one.

    Args:
        leads: How many signals there are.
        ratio: New rate over old.
    """

    def __init__(self, leads: int, ratio: Fraction) -> None:
        self.up, self.down = ratio.numerator, ratio.denominator
        half = ZEROS * max(self.up, self.down)
        self.half = half
        self.reach = -(-half // self.up)
        """Old samples that a new one depends on, on either side."""
        self._filter = _phases(half, self.up, self.down)
        self._source = np.zeros((0, leads))
        self._first = 0  # where it starts; below 0 once the beginning is mirrored
        self._seen = 0
        self._made = 0

    def push(self, signal: Array) -> Array:
        """Take further samples `(n, leads)`, and return the new ones that can be made."""
        self._source = np.concatenate([self._source, signal])
        self._seen += len(signal)
        if self._first == 0 and self._made == 0:
            if self._seen <= self.reach:
                return self._source[:0]
            self._mirror_start()
        ready = ((self._seen - 1 - self.reach) * self.up) // self.down + 1
        return self._make(max(0, ready - self._made))

    def finish(self, samples: int | None = None) -> Array:
        """Return the rest.

        Args:
            samples: New samples in all; None makes as many as there is signal for.
        """
        if not self._seen:
            return self._source[:0]
        if self._first == 0 and self._made == 0:
            self._mirror_start()
        wanted = -(-self._seen * self.up // self.down) if samples is None else samples
        last = ((wanted - 1) * self.down) // self.up + self.reach + 2
        after = np.arange(self._seen, max(last, self._seen))
        places = mirrored(after, self._seen) - self._first
        self._source = np.concatenate([self._source, self._source[places]])
        return self._make(wanted - self._made)

    def _mirror_start(self) -> None:
        before = mirrored(np.arange(-self.reach - 1, 0), self._seen)
        self._source = np.concatenate([self._source[before], self._source])
        self._first = -self.reach - 1

    def _make(self, count: int) -> Array:
        """Return the next `count` samples."""
        if not count:
            return np.zeros((0, self._source.shape[1]))
        # In steps of the product of both rates: where the first sample is, and the first source.
        source = (self._made * self.down) // self.up - self.reach
        offset = self._made * self.down - source * self.up + self.half
        padding = -offset % self.down
        begin = (offset + padding) // self.down
        end = ((self._made + count - 1) * self.down) // self.up + self.reach + 1
        taken = self._source[source - self._first : end + 1 - self._first]
        shifted = np.concatenate([np.zeros(padding), self._filter])
        made = scipy.signal.upfirdn(shifted, taken, self.up, self.down, axis=0)
        self._made += count
        unneeded = (self._made * self.down) // self.up - self.reach - self._first
        # The end may be mirrored by as much as the filter reaches.
        unneeded = max(0, min(unneeded, self._seen - 2 * self.reach - 3 - self._first))
        self._source = self._source[unneeded:].copy()
        self._first += unneeded
        result: Array = made[begin : begin + count]
        return result


def ratio_to(fs: float) -> Fraction:
    """Return 360 Hz over a rate, as a fraction of small numbers."""
    return Fraction(FS / float(fs)).limit_denominator(LARGEST_DENOMINATOR)


def _phases(half: int, up: int, down: int) -> Array:
    """Return the low-pass filter `(2 half + 1,)`, each of its `up` phases summing to one."""
    if up == down:
        return np.eye(1, 2 * half + 1, half)[0]
    taps: Array = scipy.signal.firwin(2 * half + 1, 1 / max(up, down), window=("kaiser", BETA))
    phase = np.arange(len(taps)) % up
    sums = np.bincount(phase, weights=taps, minlength=up)
    normal: Array = taps / sums[phase]
    return normal
