"""Range check of a stream: detects samples too far from the lead's baseline to be ECG."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

FAR_MV = 20.0
"""Largest distance of ECG from the lead's level: beats have a few mV, and drift is followed."""
NEAR_MV = FAR_MV / 2  # the level is constant while all samples are within this distance
BLOCK_S = 0.1
STEP_MV = 2.0  # largest change of the level per block while following drift: 20 mV/s
PATIENCE = 20  # blocks, 2 s: a jump that lasts this long becomes the lead's new level
MOST_MV = 1e6  # largest absolute value of any level


class Levelling:
    """Removes samples that cannot be ECG, and jumps of the level.

    A lead may have any offset, which is kept. Samples more than `FAR_MV` from it become missing; if
    the level jumps permanently, the following samples are shifted back by the jump.

    Args:
        leads: Number of leads.
        fs: Sampling rate, Hz.
    """

    def __init__(self, leads: int, fs: float) -> None:
        self.block = max(1, round(BLOCK_S * fs))
        self._waiting = np.zeros((0, leads))
        self._levels = [_Level() for _ in range(leads)]

    def push(self, signal: Array) -> tuple[Array, Mask]:
        """Process further samples `(n, leads)` in mV, NaN where missing.

        Returns:
            The processed samples, and the mask of the removed ones; an incomplete block is held
            back.
        """
        signal = np.concatenate([self._waiting, signal])
        count = len(signal) // self.block * self.block
        self._waiting = signal[count:].copy()
        return self._decide(signal[:count])

    def finish(self) -> tuple[Array, Mask]:
        """Return the remaining samples."""
        return self._decide(self._waiting)

    def _decide(self, signal: Array) -> tuple[Array, Mask]:
        out = np.zeros(signal.shape, bool)
        for lead, level in enumerate(self._levels):
            if len(signal):
                level.settle(signal[:, lead], out[:, lead], self.block)
        return signal, out


@dataclass
class _Level:
    """The level of a lead.

    Attributes:
        now: Current level, mV; NaN before the first sample.
        shift: Offset that is subtracted, mV.
        before: Level and shift before the last jump.
        next: Candidate for the next level, mV.
        seen: Number of consecutive blocks at the candidate.
    """

    now: float = np.nan
    shift: float = 0.0
    before: tuple[float, float] = (np.nan, 0.0)
    next: float = np.nan
    seen: int = 0

    def settle(self, x: Array, out: Mask, block: int) -> None:
        """Remove far samples from `x` in place, and flag them in `out`."""
        if self._is_near(np.fmin.reduce(x), np.fmax.reduce(x)):  # the usual case
            self.seen = 0
            if self.shift:
                x -= self.shift
            return
        out |= np.abs(x) > MOST_MV
        x[out] = np.nan
        for start in range(0, len(x), block):
            part = slice(start, start + block)
            self._follow(x[part])
            far = np.abs(x[part] - self.now) > FAR_MV
            out[part] |= far
            x[part][far] = np.nan
            x[part] -= self.shift

    def _follow(self, x: Array) -> None:
        x = x[~np.isnan(x)]
        if not len(x):
            return
        low, high = x.min(), x.max()
        here = float((low + high) / 2 if high - low <= FAR_MV else np.median(x))
        if np.isnan(self.now):
            self.now = here
        away = here - self.now
        if abs(away) <= FAR_MV:
            self.seen = 0
            if not self._is_near(low, high):
                self.now += float(np.clip(away, -STEP_MV, STEP_MV))
        elif abs(here - self.before[0]) <= FAR_MV:
            (self.now, self.shift), self.before = self.before, (self.now, self.shift)
            self.seen = 0
        elif self._lasts(here):
            self.before = (self.now, self.shift)
            self.now, self.shift = here, self.shift + away
            self.seen = 0

    def _is_near(self, low: float, high: float) -> bool:
        return bool(self.now - NEAR_MV <= low and high <= self.now + NEAR_MV)

    def _lasts(self, level: float) -> bool:
        self.seen = self.seen + 1 if abs(level - self.next) <= FAR_MV else 1
        self.next = level
        return self.seen >= PATIENCE
