"""Interpolation of gaps and resampling of a stream.

Both are local: each output sample depends on a few input samples around it, so the result does not
depend on how the stream is split into chunks.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from ecgmodel.denoise.tiles import mirrored
from ecgmodel.signals.standard import FS

Array = NDArray[np.float64]

BRIDGE_S = 1.0
"""Longest interpolated part of a gap, s, at its end; before it the last value is held."""
LARGEST_DENOMINATOR = 2000  # of the ratio of sampling rates
ZEROS = 10  # zero crossings of the filter on either side, as in scipy.signal.resample_poly
BETA = 5.0  # shape of its Kaiser window, as in scipy.signal.resample_poly


class Bridging:
    """Fills missing samples: linear interpolation of short gaps, the last value in long ones.

    Args:
        leads: Number of leads.
        reach: Longest interpolated section, samples; also the look-ahead.
    """

    def __init__(self, leads: int, reach: int) -> None:
        self.reach = reach
        self._waiting = np.zeros((0, leads))
        self._level = np.full(leads, np.nan)  # the last output value

    def push(self, signal: Array) -> Array:
        """Process further samples `(n, leads)`, NaN where missing, and return the filled ones.

        The output is `reach` samples behind the input.
        """
        return self._decide(np.concatenate([self._waiting, signal]), self.reach)

    def finish(self) -> Array:
        """Return the remaining samples."""
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
        """Return the first `count` samples of a lead, filled; constant before its first."""
        missing = np.isnan(lead)
        places = np.arange(len(lead))
        following = np.where(missing, len(lead), places)
        following = np.minimum.accumulate(following[::-1])[::-1]
        filled = lead.copy()
        edges = np.diff(missing[:count].astype(np.int8), prepend=0, append=0)
        starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        for start, stop in zip(starts, stops, strict=True):
            held = filled[start - 1] if start else level
            end = following[start]  # the next known sample, or the length if there is none
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
    """Resamples by a polyphase filter; the signal is mirrored at both ends.

    A constant signal stays exactly constant, since each phase of the filter sums to one.

    Args:
        leads: Number of leads.
        ratio: New rate over old rate.
    """

    def __init__(self, leads: int, ratio: Fraction) -> None:
        self.up, self.down = ratio.numerator, ratio.denominator
        half = ZEROS * max(self.up, self.down)
        self.half = half
        self.reach = -(-half // self.up)
        """Number of input samples on either side that an output sample depends on."""
        self._filter = _phases(half, self.up, self.down)
        self._source = np.zeros((0, leads))
        self._first = 0  # its first sample; below 0 once the start is mirrored
        self._seen = 0
        self._made = 0

    def push(self, signal: Array) -> Array:
        """Process further samples `(n, leads)`, and return the available output samples."""
        self._source = np.concatenate([self._source, signal])
        self._seen += len(signal)
        if self._first == 0 and self._made == 0:
            if self._seen <= self.reach:
                return self._source[:0]
            self._mirror_start()
        ready = ((self._seen - 1 - self.reach) * self.up) // self.down + 1
        return self._make(max(0, ready - self._made))

    def finish(self, samples: int | None = None) -> Array:
        """Return the remaining samples.

        Args:
            samples: Total number of output samples; None derives it from the input's length.
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
        # Positions on the common grid of both rates: of the first output, and the first input used.
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
        # Mirroring at the end needs the filter's length.
        unneeded = max(0, min(unneeded, self._seen - 2 * self.reach - 3 - self._first))
        self._source = self._source[unneeded:].copy()
        self._first += unneeded
        result: Array = made[begin : begin + count]
        return result


def ratio_to(fs: float) -> Fraction:
    """Return 360 Hz over a rate as a fraction with a small denominator."""
    return Fraction(FS / float(fs)).limit_denominator(LARGEST_DENOMINATOR)


def _phases(half: int, up: int, down: int) -> Array:
    """Return the low-pass filter `(2 half + 1,)`; each of its `up` phases sums to one."""
    if up == down:
        return np.eye(1, 2 * half + 1, half)[0]
    taps: Array = scipy.signal.firwin(2 * half + 1, 1 / max(up, down), window=("kaiser", BETA))
    phase = np.arange(len(taps)) % up
    sums = np.bincount(phase, weights=taps, minlength=up)
    normal: Array = taps / sums[phase]
    return normal
