"""On-the-fly mixing: new augmented windows with newly mixed noise in every epoch.

A network that sees the same rows in every epoch memorises subjects and noise. Here each window
starts at a random sample; its leads are combined, and it is resampled in time, inverted and
scaled. Noise of the types in `mix.train` is cut at random from the training part of the noise
recordings, resampled and summed. Batches depend only on the seed, the epoch and their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ecgmodel.dataset.mix_settings import TrainMix, noise_records
from ecgmodel.errors import DatasetError
from ecgmodel.noise._drawing import draw_functions, scaled, shares_of
from ecgmodel.noise._part import NoisePart, NoiseRecording, check_length
from ecgmodel.signals.variation import waves
from ecgmodel.support.randomness import generator
from ecgmodel.training.augmentation import AugmentationSettings
from ecgmodel.training.batches import Batch

Floats = NDArray[np.float32]
SPEEDS = (0.6, 1.6)
"""Limits of the time scale of an ECG."""
NOISE_SPEEDS = (0.4, 2.0)
"""Limits of the time scale of a noise recording."""
LEAST_MV2 = 1e-4
"""Minimum power of a window for the SNR: a window that is nearly flat is treated as having it."""


@dataclass(frozen=True)
class CleanSegment:
    """A clean segment of a recording, without gaps.

    Attributes:
        signal: `(leads, samples)`, mV; the leads were recorded simultaneously.
        group: Group for balanced sampling: the record.
    """

    signal: Floats
    group: str


class OnTheFlyBatches:
    """Noisy and clean windows mixed on the fly.

    Args:
        clean: Clean segments.
        noise: The training part of the noise recordings; see `read_noise`.
        samples: Samples per window, at 360 Hz.
        mix: Noise types, their shares and SNRs.
        how: Augmentation of ECG and noise.
        batch_size: Windows per batch.
        seed: Seed of all random numbers.

    Raises:
        DatasetError: No segment is as long as a window, or a noise recording is missing.
        RecordError: A noise recording is shorter than a window.

    Example:
        >>> batches = OnTheFlyBatches(clean, noise, 1024, TrainMix(), AugmentationSettings(), 64)
        >>> noisy, clean = next(batches.epoch(1))
    """

    def __init__(
        self,
        clean: Sequence[CleanSegment],
        noise: NoisePart,
        samples: int,
        mix: TrainMix,
        how: AugmentationSettings,
        batch_size: int,
        seed: int = 0,
    ) -> None:
        self.how, self.mix = how, mix
        self.samples = samples
        self.batch_size = batch_size
        self.seed = seed
        self.windows = how.epoch(
            sum(len(one.signal) * (one.signal.shape[1] // samples) for one in clean)
        )
        self._clean_pool = _Pool(clean, samples, how.balance)
        self._noise = noise
        self._types, self._shares = shares_of(mix.types)
        self._draws = draw_functions(mix.all_types)
        self._fastest = {name: _fastest(name, noise, samples) for name in self._draws}

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return -(-self.windows // self.batch_size)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the batches `(noisy, clean)` of an epoch, each `(windows, samples, 1)` in mV."""
        for index in range(len(self)):
            rng = generator(self.seed, "on the fly", number, index)
            count = min(self.batch_size, self.windows - index * self.batch_size)
            clean = self._clean(count, rng)
            noisy = clean + self._added(clean, rng)
            yield noisy[..., None].astype(np.float32), clean[..., None].astype(np.float32)

    def _clean(self, count: int, rng: np.random.Generator) -> Floats:
        """Return augmented clean windows `(count, samples)`."""
        how = self.how
        speed = np.exp(rng.normal(0, how.rate, count)).clip(*SPEEDS)
        first, second = self._clean_pool.cut(count, speed, rng)
        angle = rng.uniform(0, 2 * np.pi, count) * (rng.random(count) < how.leads)
        x = np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * second
        gain = np.exp(rng.normal(0, how.amplitude, count))
        gain *= np.where(rng.random(count) < how.polarity, -1.0, 1.0)
        swing = waves(count, self.samples, (0.3, 3.0), rng)
        return np.asarray(x * gain[:, None] * (1 + how.envelope * swing), np.float32)

    def _added(self, clean: Floats, rng: np.random.Generator) -> Floats:
        """Return the noise for clean windows, `(count, samples)`."""
        mix, count = self.mix, len(clean)
        noise = self._of_types(count, rng)
        again = rng.random(count) < self.how.second
        strength = rng.uniform(0.2, 1, (again.sum(), 1))
        noise[again] += self._of_types(int(again.sum()), rng) * strength
        power = np.square(clean - clean.mean(axis=1, keepdims=True)).mean(axis=1)
        power = np.maximum(power, LEAST_MV2)
        snr = rng.uniform(*mix.snr_db, count)
        added = scaled(noise, power, snr) * (rng.random(count) >= mix.unmixed)[:, None]
        for name, share in mix.on_top.items():
            chosen = rng.random(count) < share
            extra = self._pieces([name] * int(chosen.sum()), rng)
            level = rng.uniform(*mix.on_top_snr_db, chosen.sum())
            added[chosen] += scaled(extra, power[chosen], level)
        return np.asarray(added, np.float32)

    def _of_types(self, count: int, rng: np.random.Generator) -> Floats:
        """Return noise of unit power, `(count, samples)`; types are drawn by their weights."""
        which = rng.choice(len(self._types), count, p=self._shares)
        return self._pieces([self._types[index] for index in which], rng)

    def _pieces(self, types: Sequence[str], rng: np.random.Generator) -> Floats:
        """Return noise of the given types, of unit power, `(len(types), samples)`."""
        pieces = np.zeros((len(types), self.samples), np.float32)
        speeds = np.exp(rng.normal(0, self.how.noise_rate, len(types))).clip(*NOISE_SPEEDS)
        steps = np.arange(self.samples)
        for row, (name, speed) in enumerate(zip(types, speeds, strict=True)):
            pace = min(speed, fastest) if (fastest := self._fastest[name]) else 1.0
            length = int(np.ceil(pace * (self.samples - 1))) + 1
            piece = self._draws[name](self._noise, length, rng).samples
            pieces[row] = np.interp(pace * steps, np.arange(length), piece)
        backwards = rng.random(len(types)) < 0.5
        pieces[backwards] = pieces[backwards, ::-1]
        pieces *= rng.choice([-1.0, 1.0], (len(types), 1)).astype(np.float32)
        return scaled(pieces, np.ones(len(types)), np.zeros(len(types)))


def _fastest(name: str, noise: NoisePart, samples: int) -> float | None:
    """Return the largest time scale of a noise type's recordings; None for synthetic noise."""
    records = noise_records((name,))
    if missing := [record for record in records if record not in noise.recordings]:
        raise DatasetError(
            f"Noise type {name!r} of mix.train needs the noise recording {missing[0]!r}, but "
            f"the dataset contains only {sorted(noise.recordings)}. Prepare the dataset with the "
            "same mix.train."
        )
    lengths = [noise.ranges[record][1] - noise.ranges[record][0] for record in records]
    for record, length in zip(records, lengths, strict=True):
        check_length(record, length, samples)
    return (min(lengths) - 1) / samples if lengths else None


class _Pool:
    """Clean segments from which windows are cut; drawn by group, then by length."""

    def __init__(self, segments: Sequence[CleanSegment], samples: int, balance: float) -> None:
        self.segments = [one for one in segments if one.signal.shape[1] >= samples]
        if not self.segments:
            raise DatasetError(
                f"No clean segment is as long as a window of {samples} samples. Received: "
                f"{len(segments)} shorter segments. Lower mix.window, or add longer recordings."
            )
        self.samples = samples
        lengths = np.array([one.signal.shape[1] - samples + 1 for one in self.segments], float)
        groups = [one.group for one in self.segments]
        totals = {
            g: sum(n for n, own in zip(lengths, groups, strict=True) if own == g) for g in groups
        }
        weights = np.array(
            [n / totals[g] * totals[g] ** balance for n, g in zip(lengths, groups, strict=True)]
        )
        self.shares = weights / weights.sum()

    def cut(self, count: int, speed: NDArray, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return windows of two simultaneous leads, or the single lead twice.

        Args:
            count: Number of windows.
            speed: Samples of the recording per sample of the window, for each window.
            rng: Random generator.
        """
        first = np.empty((count, self.samples), np.float32)
        second = np.empty_like(first)
        steps = np.arange(self.samples)
        for row, index in enumerate(rng.choice(len(self.segments), count, p=self.shares)):
            signal = self.segments[index].signal
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


def read_noise(path: Path, split: str = "train") -> NoisePart:
    """Return the noise recordings of a split from a dataset's `noise.parquet`."""
    table = pq.read_table(path, filters=[("split", "=", split)])
    pieces: dict[str, list[tuple[int, int, Floats]]] = {}
    columns = (table[name].to_pylist() for name in ("record", "lead", "start"))
    for name, lead, start, row in zip(*columns, table["samples"], strict=True):
        samples = np.asarray(row.values.to_numpy(), np.float32)
        pieces.setdefault(name, []).append((lead, start, samples))
    recordings, ranges = {}, {}
    for name, own in pieces.items():
        shape = (max(at + len(x) for _, at, x in own), max(lead for lead, _, _ in own) + 1)
        signal, usable = np.zeros(shape, np.float32), np.zeros(shape, bool)
        for lead, at, x in own:
            signal[at : at + len(x), lead] = x
            usable[at : at + len(x), lead] = True
        recordings[name] = NoiseRecording(name, signal, usable)
        ranges[name] = (min(at for _, at, _ in own), shape[0])
    return NoisePart(recordings, ranges)


def read_clean(shards: Sequence[Path]) -> list[CleanSegment]:
    """Return the clean segments of a dataset's shards; consecutive windows are joined.

    Simultaneous leads form one segment where all of them are clean.
    """
    return [one for path in shards for one in _segments_of(path)]


def _segments_of(path: Path) -> Iterator[CleanSegment]:
    columns = ["record", "lead", "start", "copy", "clean"]
    table = pq.read_table(path, columns=columns, filters=[("copy", "=", 0)])
    if not len(table):
        return
    clean = table["clean"].combine_chunks()
    windows = clean.flatten().to_numpy().reshape(len(table), -1)
    size, record = windows.shape[1], str(table["record"][0])
    leads, starts = np.array(table["lead"].to_pylist()), table["start"].to_numpy()
    at_start = {
        name: dict(zip(starts[leads == name].tolist(), np.flatnonzero(leads == name), strict=True))
        for name in dict.fromkeys(leads.tolist())
    }
    shared = set.intersection(*(set(at) for at in at_start.values()))
    for names, wanted in [
        (list(at_start), sorted(shared)),
        *(([name], sorted(set(at) - shared)) for name, at in at_start.items() if len(at_start) > 1),
    ]:
        for group in _consecutive(wanted, size):
            rows = [[at_start[name][start] for start in group] for name in names]
            yield CleanSegment(np.stack([windows[row].reshape(-1) for row in rows]), record)


def _consecutive(starts: list[int], size: int) -> Iterator[list[int]]:
    group: list[int] = []
    for start in starts:
        if group and start != group[-1] + size:
            yield group
            group = []
        group.append(start)
    if group:
        yield group
