"""Training windows of the protocol, new in every epoch: beats and noise of the training part.

The test has other subjects than the training. So beats are stretched before and after their R peak,
one subject's are blended with another's once both have the same timing, and their gain swells and
fades inside the beat; noise is cut anywhere, stretched, inverted, summed, and given other offsets
and slopes. The window's frame stays the protocol's: a beat begins at index 16, zeros around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ecgmodel.errors import DatasetError
from ecgmodel.protocols._qt_bw.windows import PADDING, SAMPLES
from ecgmodel.signals.variation import at_positions, waves
from ecgmodel.support.randomness import generator
from ecgmodel.training.augmentation import SHARE
from ecgmodel.training.batches import Batch

Array = NDArray[Any]

SHORTEST = 80 - PADDING  # samples of a beat
LATEST_R = 120  # index before which a beat's R peak is looked for
AT = np.arange(SAMPLES, dtype=np.float32)


class BeatSettings(BaseModel):
    """How beats and noise are varied."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    windows: int = Field(12_800, ge=1, description="Windows an epoch.")
    balance: float = Field(
        0.7, description="How much records with more beats come up more often.", **SHARE
    )
    ratios: tuple[float, float] = Field((0.15, 2.1), description="r is drawn evenly from these.")
    stretched: float = Field(0.7, description="Share of beats with another timing.", **SHARE)
    stretch: float = Field(0.12, ge=0, description="Deviation of the log of R to end.")
    onset_stretch: float = Field(0.08, ge=0, description="Deviation of the log of onset to R.")
    blended: float = Field(
        0.3, description="Share of beats with another person's in them.", **SHARE
    )
    envelope: float = Field(0.2, ge=0, description="Deviation of the gain inside a beat.")
    inverted: float = Field(0.25, description="Share of beats inverted.", **SHARE)
    noise_varied: bool = Field(True, description="Whether the noise is more than cut anywhere.")


class BeatBatches:
    """Noisy and clean windows of the protocol, drawn anew in every epoch.

    Args:
        clean: Training windows, `(n, 512)`, mV.
        rows: Of each window, `record` and `samples`, the length of its beat.
        noise: The training part of one channel, `(samples,)`, mV.
        settings: How they are varied.
        batch_size: Windows a batch.
        seed: What everything follows from.

    Raises:
        DatasetError: There is no window.
    """

    samples = SAMPLES

    def __init__(
        self,
        clean: Array,
        rows: pd.DataFrame,
        noise: Array,
        settings: BeatSettings,
        batch_size: int,
        seed: int = 0,
    ) -> None:
        if not len(clean):
            raise DatasetError("There is no training window: name records that train.")
        self.settings, self.batch_size, self.seed = settings, batch_size, seed
        self._clean = np.ascontiguousarray(clean, np.float32)
        self._noise = np.ascontiguousarray(noise, np.float32)
        self._end = np.minimum(PADDING + rows["samples"].to_numpy(), SAMPLES).astype(np.float32)
        peak = np.abs(self._clean[:, PADDING:LATEST_R]).argmax(axis=1)
        self._r = (PADDING + np.maximum(peak, 1)).astype(np.float32)
        records = rows["record"].to_numpy()
        self._of_record = [np.flatnonzero(records == name) for name in np.unique(records)]
        sizes = np.array([len(places) for places in self._of_record], float) ** settings.balance
        self._shares = sizes / sizes.sum()

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return -(-self.settings.windows // self.batch_size)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the batches `(noisy, clean)` of an epoch, each `(windows, 512, 1)` in mV."""
        for index in range(len(self)):
            rng = generator(self.seed, "beats", number, index)
            count = min(self.batch_size, self.settings.windows - index * self.batch_size)
            clean, noise = self._beats(count, rng), self._pieces(count, rng)
            ratio = rng.uniform(*self.settings.ratios, count)
            alpha = ratio * np.ptp(clean, axis=1) / np.maximum(np.ptp(noise, axis=1), 1e-6)
            noisy = clean + alpha[:, None] * noise
            yield noisy[..., None].astype(np.float32), clean[..., None].astype(np.float32)

    def _pick(self, count: int, rng: np.random.Generator) -> Array:
        """Return places of windows, the record drawn first."""
        records = rng.choice(len(self._of_record), count, p=self._shares)
        places = [rng.choice(self._of_record[record]) for record in records]
        return np.array(places, np.int64)

    def _beats(self, count: int, rng: np.random.Generator) -> Array:
        how = self.settings
        chosen = self._pick(count, rng)
        stretched = rng.random(count) < how.stretched
        before = np.exp(rng.normal(0, how.onset_stretch, count) * stretched)
        after = np.exp(rng.normal(0, how.stretch, count) * stretched)
        r, end = self._r[chosen], self._end[chosen]
        new_r = PADDING + (r - PADDING) * before
        new_end = np.clip(new_r + (end - r) * after, PADDING + SHORTEST, SAMPLES)
        beats = self._timed(chosen, new_r, new_end)
        blended = rng.random(count) < how.blended
        others = self._timed(self._pick(int(blended.sum()), rng), new_r[blended], new_end[blended])
        beats[blended] = _blend(beats[blended], others, rng)
        swing = waves(count, SAMPLES, (0.3, 2.5), rng)
        sign = np.where(rng.random(count) < how.inverted, -1.0, 1.0)
        return np.asarray(beats * (1 + how.envelope * swing) * sign[:, None], np.float32)

    def _timed(self, chosen: Array, r: Array, end: Array) -> Array:
        """Return beats whose R peak and end are moved to other places."""
        old_r, old_end = self._r[chosen, None], self._end[chosen, None]
        r, end = r[:, None], end[:, None]
        before = PADDING + (AT - PADDING) * (old_r - PADDING) / np.maximum(r - PADDING, 1)
        after = old_r + (AT - r) * (old_end - old_r) / np.maximum(end - r, 1)
        beats = at_positions(self._clean[chosen], np.where(r > AT, before, after))
        return np.where((AT >= PADDING) & (end > AT), beats, 0)

    def _pieces(self, count: int, rng: np.random.Generator) -> Array:
        """Return pieces of noise, `(count, 512)`, of any scale; their offset stays."""
        if not self.settings.noise_varied:
            starts = rng.integers(0, len(self._noise) - SAMPLES, (count, 1))
            return np.asarray(self._noise[starts + np.arange(SAMPLES)])
        pieces = self._stretched(count, rng)
        second = rng.random(count) < 0.3
        more = self._stretched(int(second.sum()), rng)
        more = more - more.mean(axis=1, keepdims=True)
        swing = np.ptp(pieces, axis=1, keepdims=True) + 1e-3
        share = rng.uniform(-1, 1, (len(more), 1)) * swing[second]
        pieces[second] += share * more / (np.ptp(more, axis=1, keepdims=True) + 1e-3)
        offset = rng.normal(0, 0.7, (count, 1)) * (rng.random((count, 1)) < 0.5)
        slope = rng.normal(0, 0.5, (count, 1)) * (rng.random((count, 1)) < 0.4)
        return np.asarray(pieces + swing * (offset + slope * (AT / SAMPLES - 0.5)))

    def _stretched(self, count: int, rng: np.random.Generator) -> Array:
        """Return pieces at other speeds, reversed and inverted at random."""
        pace = np.exp(rng.uniform(-0.6, 0.6, (count, 1)))
        starts = rng.uniform(0, len(self._noise) - 2 - pace * SAMPLES)
        pieces = np.interp(starts + pace * AT, np.arange(len(self._noise)), self._noise)
        backwards = rng.random(count) < 0.5
        pieces[backwards] = pieces[backwards, ::-1]
        return pieces * rng.choice([-1.0, 1.0], (count, 1))


def _blend(beats: Array, others: Array, rng: np.random.Generator) -> Array:
    """Return beats with a share, up to 0.7 and of either sign, of others of like height."""
    share = rng.uniform(-0.7, 0.7, (len(beats), 1))
    height, other = (np.abs(x).max(axis=1, keepdims=True) + 1e-3 for x in (beats, others))
    return (1 - np.abs(share)) * beats + share * others * np.minimum(height / other, 3)
