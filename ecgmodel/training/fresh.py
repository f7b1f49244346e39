"""Windows that are new in every epoch: clean leads, varied, with recorded noise mixed anew.

A model that sees the same rows again learns the people and the noise by heart. Here each window is
cut at a place of its own, its leads are turned, stretched, turned over and scaled, and the noise
comes from anywhere in the part of the recordings that may train, stretched and combined. Batches
follow from the seed, the epoch and their number alone. All is drawn for a whole batch at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ecgmodel.errors import DatasetError
from ecgmodel.randomness import generator
from ecgmodel.training import disturbances
from ecgmodel.training.batches import Batch
from ecgmodel.training.fresh_settings import FreshSettings
from ecgmodel.training.variation import waves

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Run:
    """A stretch without a gap.

    Attributes:
        signal: `(leads, samples)`, mV; the leads were recorded together.
        group: What it counts for when runs are balanced: a record, or a noise recording.
    """

    signal: Floats
    group: str


class FreshBatches:
    """Noisy and clean windows mixed on the fly.

    Args:
        hearts: Clean stretches.
        noise: Stretches of the noise recordings; groups are "bw", "ma", "em".
        samples: Samples a window, at 360 Hz.
        settings: How they are varied.
        batch_size: Windows a batch.
        seed: What every window follows from.

    Raises:
        DatasetError: No stretch is as long as a window.

    Example:
        >>> batches = FreshBatches(hearts, noise, 1024, FreshSettings(), batch_size=64)
        >>> noisy, clean = next(batches.epoch(1))
    """

    def __init__(
        self,
        hearts: Sequence[Run],
        noise: Sequence[Run],
        samples: int,
        settings: FreshSettings,
        batch_size: int,
        seed: int = 0,
    ) -> None:
        self.settings = settings
        self.samples = samples
        self.batch_size = batch_size
        self.seed = seed
        self._hearts = _Pool(hearts, samples, settings.balance)
        kinds = {run.group for run in noise}
        self._noise = {
            kind: _Pool([r for r in noise if r.group == kind], samples, 1.0)
            for kind in sorted(kinds)
        }
        self._kinds = [*self._noise, "mixed"] if len(self._noise) > 1 else list(self._noise)
        self._shares = _shares(self._kinds, settings.weights)

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return -(-self.settings.windows // self.batch_size)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the batches `(noisy, clean)` of an epoch, each `(windows, samples, 1)` in mV."""
        for index in range(len(self)):
            rng = generator(self.seed, "fresh", number, index)
            count = min(self.batch_size, self.settings.windows - index * self.batch_size)
            clean = self._clean(count, rng)
            noisy = clean + self._added(clean, rng)
            yield noisy[..., None].astype(np.float32), clean[..., None].astype(np.float32)

    def _clean(self, count: int, rng: np.random.Generator) -> Floats:
        """Return varied clean windows `(count, samples)`."""
        how = self.settings
        speed = np.exp(rng.normal(0, how.rate, count)).clip(0.6, 1.6)
        first, second = self._hearts.cut(count, speed, rng)
        angle = rng.uniform(0, 2 * np.pi, count) * (rng.random(count) < how.leads)
        x = np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * second
        gain = np.exp(rng.normal(0, how.amplitude, count))
        gain *= np.where(rng.random(count) < how.polarity, -1.0, 1.0)
        swing = waves(count, self.samples, (0.3, 3.0), rng)
        return np.asarray(x * gain[:, None] * (1 + how.envelope * swing), np.float32)

    def _added(self, clean: Floats, rng: np.random.Generator) -> Floats:
        """Return what is added to clean windows, `(count, samples)`."""
        how, count = self.settings, len(clean)
        noise = self._recorded(count, rng)
        again = rng.random(count) < how.second
        noise[again] += self._recorded(int(again.sum()), rng) * rng.uniform(
            0.2, 1, (again.sum(), 1)
        )
        power = np.square(clean - clean.mean(axis=1, keepdims=True)).mean(axis=1)
        power = np.maximum(power, 1e-4)  # a stretch that is all but flat
        snr = rng.uniform(*how.snr_db, count)
        added = scaled(noise, power, snr) * (rng.random(count) >= how.unmixed)[:, None]
        for share, draw, strongest in (
            (how.wander, disturbances.wander, -6),
            (how.hum, disturbances.hum, -6),
            (how.pops, disturbances.pops, -6),
            (how.gaussian, disturbances.gaussian, -15),
        ):
            chosen = rng.random(count) < share
            extra = draw(int(chosen.sum()), self.samples, rng)
            level = rng.uniform(strongest, 24, chosen.sum())
            added[chosen] += scaled(extra, power[chosen], level)
        return np.asarray(added, np.float32)

    def _recorded(self, count: int, rng: np.random.Generator) -> Floats:
        """Return pieces of noise of unit power, or sums of one of each kind."""
        which = rng.choice(len(self._kinds), count, p=self._shares)
        result = np.zeros((count, self.samples), np.float32)
        for index, pool in enumerate(self._noise.values()):
            chosen = (which == index) | (which == len(self._noise))
            piece = self._piece(pool, int(chosen.sum()), rng)
            mixed = which[chosen] == len(self._noise)
            share = np.where(mixed, rng.uniform(0.25, 1, len(mixed)), 1.0)
            result[chosen] += piece * share[:, None]
        return result

    def _piece(self, pool: _Pool, count: int, rng: np.random.Generator) -> Floats:
        speed = np.exp(rng.normal(0, self.settings.noise_rate, count)).clip(0.4, 2.0)
        first, _ = pool.cut(count, speed, rng)
        backwards = rng.random(count) < 0.5
        first[backwards] = first[backwards, ::-1]
        first = first * rng.choice([-1.0, 1.0], (count, 1))
        return scaled(first, np.ones(count), np.zeros(count))


def _shares(kinds: Sequence[str], weights: Mapping[str, float]) -> NDArray:
    """Return how often each kind of noise comes up; they sum to one.

    Raises:
        DatasetError: A weight is of a kind that is not there, or nothing is left.
    """
    shares = np.array([weights.get(kind, 1.0) for kind in kinds])
    if set(weights) - set(kinds) or not shares.sum() > 0:
        raise DatasetError(
            f"training.fresh.weights: expected some of {list(kinds)}, not all 0. Received: "
            f"{dict(weights)}"
        )
    return shares / shares.sum()


def scaled(noise: Floats, power: NDArray, snr_db: NDArray) -> Floats:
    """Return noise without its mean, at an SNR against a power; rows without noise stay zero.

    Args:
        noise: `(rows, samples)`.
        power: Zero-mean power of the signal of each row, mV^2.
        snr_db: Zero-mean power SNR of each row, dB.
    """
    noise = noise - noise.mean(axis=1, keepdims=True)
    own = np.square(noise).mean(axis=1)
    gain = np.sqrt(power / np.maximum(own, 1e-12) / 10 ** (snr_db / 10))
    return np.asarray(noise * np.where(own > 1e-12, gain, 0.0)[:, None], np.float32)


class _Pool:
    """Runs to cut windows from, chosen by group and then by length."""

    def __init__(self, runs: Sequence[Run], samples: int, balance: float) -> None:
        self.runs = [run for run in runs if run.signal.shape[1] > samples]
        if not self.runs:
            raise DatasetError(
                f"No stretch is longer than a window of {samples} samples. Received: {len(runs)} "
                "stretches. Shorten mix.window, or add longer recordings."
            )
        self.samples = samples
        lengths = np.array([run.signal.shape[1] - samples for run in self.runs], float)
        groups = [run.group for run in self.runs]
        totals = {
            g: sum(n for n, own in zip(lengths, groups, strict=True) if own == g) for g in groups
        }
        weights = np.array(
            [n / totals[g] * totals[g] ** balance for n, g in zip(lengths, groups, strict=True)]
        )
        self.shares = weights / weights.sum()

    def cut(self, count: int, speed: NDArray, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return windows of two leads that were recorded together, or twice of the only one.

        Args:
            count: Windows.
            speed: Samples of the recording a sample of the window.
            rng: What to draw from.
        """
        first = np.empty((count, self.samples), np.float32)
        second = np.empty_like(first)
        steps = np.arange(self.samples)
        for row, index in enumerate(rng.choice(len(self.runs), count, p=self.shares)):
            signal = self.runs[index].signal
            pace = min(speed[row], (signal.shape[1] - 2) / self.samples)
            start = rng.uniform(0, signal.shape[1] - 1 - pace * self.samples)
            at = start + pace * steps
            left = at.astype(np.int64)
            part = (at - left).astype(np.float32)
            leads = rng.permutation(signal.shape[0])
            for place, lead in ((first, leads[0]), (second, leads[-1])):
                x = signal[lead]
                place[row] = x[left] * (1 - part) + x[left + 1] * part
        return first, second


def read_noise(path: Path, split: str = "train") -> list[Run]:
    """Return the stretches of a dataset's `noise.parquet` that belong to a split."""
    table = pq.read_table(path, filters=[("split", "=", split)])
    rows = zip(table["record"].to_pylist(), table["samples"], strict=True)
    return [
        Run(np.asarray(samples.values.to_numpy(), np.float32)[None], name) for name, samples in rows
    ]


def read_hearts(shards: Sequence[Path]) -> list[Run]:
    """Return the clean stretches of a dataset's shards: windows that follow each other are joined.

    Leads that were recorded together stay together where both are clean.
    """
    return [run for path in shards for run in _runs_of(path)]


def _runs_of(path: Path) -> Iterator[Run]:
    columns = ["record", "lead", "start", "copy", "clean"]
    table = pq.read_table(path, columns=columns, filters=[("copy", "=", 0)])
    if not len(table):
        return
    clean = table["clean"].combine_chunks()
    windows = clean.flatten().to_numpy().reshape(len(table), -1)
    size, record = windows.shape[1], str(table["record"][0])
    leads, starts = np.array(table["lead"].to_pylist()), table["start"].to_numpy()
    kept = {
        name: dict(zip(starts[leads == name].tolist(), np.flatnonzero(leads == name), strict=True))
        for name in dict.fromkeys(leads.tolist())
    }
    together = set.intersection(*(set(at) for at in kept.values()))
    for names, wanted in [
        (list(kept), sorted(together)),
        *(([name], sorted(set(at) - together)) for name, at in kept.items() if len(kept) > 1),
    ]:
        for group in _consecutive(wanted, size):
            rows = [[kept[name][start] for start in group] for name in names]
            yield Run(np.stack([windows[row].reshape(-1) for row in rows]), record)


def _consecutive(starts: list[int], size: int) -> Iterator[list[int]]:
    group: list[int] = []
    for start in starts:
        if group and start != group[-1] + size:
            yield group
            group = []
        group.append(start)
    if group:
        yield group
