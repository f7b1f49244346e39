"""Clean windows plus noise at exact SNRs: one resampled record becomes one Parquet shard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from ecgmodel.dataset.mix_settings import MixSettings
from ecgmodel.errors import DatasetError
from ecgmodel.noise._drawing import drawers, scaled, shares_of
from ecgmodel.noise._part import Noise, NoisePart, Origin
from ecgmodel.signals.beats import beat_classes
from ecgmodel.signals.quality import QualitySettings, judge
from ecgmodel.signals.resampling import BEATS, FS, TARGET, USABLE, highpass
from ecgmodel.signals.windows import cut, spread, stretch_starts, window_starts
from ecgmodel.support.arrays import read_array
from ecgmodel.support.decibels import decibels
from ecgmodel.support.randomness import generator, uniforms

if TYPE_CHECKING:
    import pandas as pd

UNMIXED = "none"
SNR_TOLERANCE_DB = 0.01
# Samples that are worked on at once: their float64 copies stay in the processor's cache.
CACHED_SAMPLES = 1 << 15


@dataclass(frozen=True)
class MixJob:
    """Whose record is mixed.

    Attributes:
        record: Database and record, e.g. "mitdb/100".
        subject: Whose it is.
        split: Where the subject lies.
    """

    record: str
    subject: str
    split: Literal["train", "validation", "test"]


def mix_record(
    resampled: Path,
    job: MixJob,
    facts: Mapping[str, Any],
    noise: NoisePart,
    mix: MixSettings,
    quality: QualitySettings,
    into: Path,
) -> dict[str, Any]:
    """Write the shard of one record.

    Args:
        resampled: The folder of the resampled record.
        job: Which record, whose, and in which split.
        facts: What resampling reported ("leads", "original_fs", "target").
        noise: The noise that the split may use.
        mix: How noise is added.
        quality: What is too noisy to be a target.
        into: The folder to write `shard.parquet` to.

    Returns:
        Facts for the manifest: rows, windows, what the gate kept, by reason and beat class.

    Raises:
        RecordError: A noise recording is too short.
        DatasetError: A row missed its SNR.
    """
    from ecgmodel.dataset.shards import ShardWriter

    target, usable = (read_array(resampled / name, mmap_mode="r") for name in (TARGET, USABLE))
    beats = _beats(resampled / BEATS)
    gate = GateReport()
    length = row_length(mix, job.split, int(facts["samples"]))
    counts: Counter[str] = Counter()
    with ShardWriter(into / "shard.parquet", length, _metadata(job, facts, mix)) as shard:
        for index, lead in enumerate(facts["leads"]):
            clean = np.ascontiguousarray(target[:, index])
            starts = _good_windows(clean, usable[:, index], facts, mix, quality, beats, gate)
            if job.split == "test":
                fits = stretch_starts(starts, mix.window, length)
                chosen = spread(fits, mix.test.segments_per_lead)
                cells = _grid_cells(clean, chosen, length, f"{job.record} {lead}", noise, mix)
            else:
                chosen = starts
                cells = _drawn_cells(clean, chosen, f"{job.record} {lead}", noise, mix)
            counts["windows"] += len(chosen)
            for batch in _batches(cells, shard.rows_per_group):
                noisy, original, achieved = add_noise(batch)
                _check_snr(batch, achieved, f"{job.record}, lead {lead}")
                shard.write(noisy, original, _columns(batch, achieved, lead, job))
                counts.update(cell.noise_type for cell in batch)
    windows = counts.pop("windows")
    return {
        **{"record": job.record, "subject": job.subject, "split": job.split, "length": length},
        **{"rows": counts.total(), "pieces": windows, "gate": gate.as_dict()},
        "rows_by_noise": dict(sorted(counts.items())),
        "original_fs": facts["original_fs"],
    }


def row_length(mix: MixSettings, split: str, samples: int) -> int:
    """Return the length of a record's rows: a test segment is never longer than the recording.

    Args:
        mix: Says how long windows and segments are.
        split: The record's.
        samples: Length of the recording at 360 Hz, without padding.
    """
    if split != "test" or samples >= mix.test.segment:
        return mix.length(split)
    return max(mix.window, samples // mix.window * mix.window)


def _metadata(job: MixJob, facts: Mapping[str, Any], mix: MixSettings) -> dict[str, Any]:
    """Return what a shard says of itself."""
    return {
        "fs": FS,
        "units": "mV",
        "original_fs": facts["original_fs"],
        "target": facts["target"],
        "record": job.record,
        "subject": job.subject,
        "split": job.split,
        "settings": mix.model_dump(mode="json"),
    }


class GateReport:
    """What the quality gate kept, by reason and by beat class."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.kept: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    def add(self, classes: np.ndarray, kept: np.ndarray, reasons: np.ndarray) -> None:
        """Count windows: their beat classes, whether they were kept, and why not."""
        self.seen.update(classes.tolist())
        self.kept.update(classes[kept].tolist())
        self.reasons.update(reasons[~kept].tolist())

    def as_dict(self) -> dict[str, Any]:
        """Return the counts for a manifest."""
        classes = {c: {"seen": n, "kept": self.kept[c]} for c, n in sorted(self.seen.items())}
        return {
            "seen": self.seen.total(),
            "kept": self.kept.total(),
            "left_out": dict(sorted(self.reasons.items())),
            "beat_classes": classes,
        }


def _beats(path: Path) -> pd.DataFrame | None:
    """Return a record's reference beats, None if it has none."""
    import pandas as pd

    return pd.read_parquet(path) if path.is_file() else None


def _good_windows(
    clean: np.ndarray,
    usable: np.ndarray,
    facts: Mapping[str, Any],
    mix: MixSettings,
    quality: QualitySettings,
    beats: pd.DataFrame | None,
    gate: GateReport,
) -> np.ndarray:
    """Return the starts of a lead's usable windows that the gate keeps."""
    starts = window_starts(usable, mix.window)
    if facts["target"] == "highpass":
        judged = clean
    else:  # the gate looks for noise, not for the wander that this target keeps on purpose
        judged = highpass(clean[:, None].astype(np.float64))[:, 0].astype(np.float32)
    verdict = judge(cut(judged, starts, mix.window), FS, quality)
    if beats is None:
        classes = np.full(len(starts), "not annotated")
    else:
        classes = beat_classes(
            beats["sample"].to_numpy(), beats["symbol"].to_numpy(), starts, mix.window
        )
    gate.add(classes, verdict.kept, verdict.reason)
    return starts[verdict.kept]


class Cell(NamedTuple):
    """One row before noise and signal are added up.

    Attributes:
        clean: `(samples,)`, mV.
        noise: What to add, None for nothing.
        start: First sample in the recording.
        copy: Which copy of the window.
        noise_type: Name of the noise type, "none" for nothing.
        snr_db: The SNR to reach, None for nothing.
    """

    clean: np.ndarray
    noise: Noise | None
    start: int
    copy: int
    noise_type: str
    snr_db: float | None


def _drawn_cells(
    clean: np.ndarray, starts: np.ndarray, unit: str, noise: NoisePart, mix: MixSettings
) -> Iterator[Cell]:
    """Yield the rows of training and validation: each copy of a window draws type and SNR.

    A draw is won by the largest of one random number per candidate, so that adding a candidate
    changes only the rows that it wins.
    """
    how = mix.train
    at, copies = starts[:, None], np.arange(how.copies)

    def drawn(what: str) -> np.ndarray:
        return uniforms(mix.seed, f"{unit} {what}", at, copies)

    names, shares = shares_of(how.types)
    chances = [drawn(f"type {n}") ** (1 / share) for n, share in zip(names, shares, strict=True)]
    types = np.argmax(chances, axis=0)
    unmixed = drawn("unmixed") < how.unmixed
    lowest, highest = how.snr_db
    levels = lowest + (highest - lowest) * drawn("snr")
    on_top = {name: drawn(f"on top {name}") < share for name, share in how.on_top.items()}
    draws = drawers((*names, *how.on_top))
    windows = cut(clean, starts, mix.window)
    for w, start in enumerate(starts.tolist()):
        for copy in range(how.copies):
            chosen = [] if unmixed[w, copy] else [(names[types[w, copy]], levels[w, copy])]
            for name in (n for n, won in on_top.items() if won[w, copy]):
                low, high = how.on_top_snr_db
                level = uniforms(mix.seed, f"{unit} on top {name} snr", start, copy)
                chosen.append((name, low + (high - low) * float(level)))
            pieces = [
                (name, draws[name](noise, mix.window, generator(mix.seed, unit, start, copy, name)))
                for name, _ in chosen
            ]
            yield _summed(windows[w], start, copy, pieces, [level for _, level in chosen])


def _summed(
    window: np.ndarray,
    start: int,
    copy: int,
    pieces: Sequence[tuple[str, Noise]],
    levels: Sequence[float],
) -> Cell:
    """Return a row with several pieces of noise, each at its level; its SNR is that of the sum."""
    if len(pieces) < 2:
        if not pieces:
            return Cell(window, None, start, copy, UNMIXED, None)
        ((name, piece),) = pieces
        return Cell(window, piece, start, copy, name, float(levels[0]))
    power = _power(window[None])
    total = np.zeros(len(window))
    for (_, piece), level in zip(pieces, levels, strict=True):
        total += scaled(piece.samples[None], power, np.array([level]))[0]
    if not total.any():
        return Cell(window, None, start, copy, UNMIXED, None)
    snr = decibels(power[0], total.var())
    origins = tuple(origin for _, piece in pieces for origin in piece.origins)
    label = "+".join(name for name, _ in pieces)
    return Cell(window, Noise(total, origins), start, copy, label, float(snr))


def _grid_cells(
    clean: np.ndarray,
    starts: np.ndarray,
    length: int,
    unit: str,
    noise: NoisePart,
    mix: MixSettings,
) -> Iterator[Cell]:
    """Yield the rows of the test: every segment unmixed, and with every type at every SNR.

    The levels of a type share one piece of noise, so that cells are paired.
    """
    draws = drawers(mix.test.types)
    for start in starts.tolist():
        segment = clean[start : start + length]
        yield Cell(segment, None, start, 0, UNMIXED, None)
        for name in mix.test.types:
            piece = draws[name](noise, length, generator(mix.seed, unit, start, 0, name))
            for snr in mix.test.snr_db:
                yield Cell(segment, piece, start, 0, name, snr)


def add_noise(cells: list[Cell]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Add noise to clean windows of one length, at exact SNRs.

    The SNR is 10 log10 of zero-mean clean power over zero-mean noise power; the noise's own mean
    is removed before it is added.

    Args:
        cells: The rows.

    Returns:
        Noisy and clean `(rows, samples)` float32 in mV, and the SNRs that were achieved, measured
        on what is returned, dB (NaN where nothing was added).
    """
    clean = np.stack([cell.clean for cell in cells]).astype(np.float32, copy=False)
    noisy, achieved = np.empty_like(clean), np.empty(len(cells))
    few = max(1, CACHED_SAMPLES // clean.shape[1])
    for first in range(0, len(cells), few):
        rows = slice(first, first + few)
        noisy[rows], achieved[rows] = _mixed(clean[rows], cells[rows])
    return noisy, clean, achieved


def _mixed(clean: np.ndarray, cells: list[Cell]) -> tuple[np.ndarray, np.ndarray]:
    """Return a few noisy rows, and their SNRs."""
    noise = np.zeros(clean.shape)
    for row, cell in zip(noise, cells, strict=True):
        if cell.noise is not None:
            row[:] = cell.noise.samples
    noise -= noise.mean(axis=1, keepdims=True)
    snr = np.array([np.nan if cell.snr_db is None else cell.snr_db for cell in cells])
    mixed = ~np.isnan(snr)
    with np.errstate(divide="ignore", invalid="ignore"):
        power = _power(clean)
        gain = np.sqrt(power / (_mean_square(noise) * 10 ** (snr / 10)))
        noise *= np.where(mixed, gain, 0.0)[:, None]
        noisy = (clean + noise).astype(np.float32)
        achieved = decibels(power, _power(noisy - clean))
    return noisy, np.where(mixed, achieved, np.nan)


def _power(rows: np.ndarray) -> np.ndarray:
    """Return the zero-mean power of each row."""
    return _mean_square(rows - rows.mean(axis=1, keepdims=True, dtype=np.float64))


def _mean_square(rows: np.ndarray) -> np.ndarray:
    return np.asarray(np.vecdot(rows, rows) / rows.shape[1])


def _batches(cells: Iterable[Cell], size: int) -> Iterator[list[Cell]]:
    waiting = iter(cells)
    while batch := list(islice(waiting, size)):
        yield batch


def _columns(
    cells: list[Cell], achieved: np.ndarray, lead: str, job: MixJob
) -> dict[str, list[Any]]:
    """Return where the rows came from, as columns of a shard."""
    origins: list[tuple[Origin, ...]] = [c.noise.origins if c.noise else () for c in cells]
    count = len(cells)
    return {
        **{"record": [job.record] * count, "subject": [job.subject] * count},
        **{"lead": [lead] * count, "split": [job.split] * count},
        "start": [cell.start for cell in cells],
        "copy": [cell.copy for cell in cells],
        "noise_type": [cell.noise_type for cell in cells],
        "noise_record": [[origin.record for origin in row] for row in origins],
        "noise_lead": [[origin.lead for origin in row] for row in origins],
        "noise_start": [[origin.start for origin in row] for row in origins],
        "target_snr_db": [cell.snr_db for cell in cells],
        "achieved_snr_db": [None if np.isnan(snr) else snr for snr in achieved.tolist()],
    }


def _check_snr(cells: list[Cell], achieved: np.ndarray, where: str) -> None:
    for cell, snr in zip(cells, achieved.tolist(), strict=True):
        if cell.snr_db is not None and not abs(snr - cell.snr_db) <= SNR_TOLERANCE_DB:
            raise DatasetError(
                f"{where}, sample {cell.start}: SNR is {snr:.4f} dB instead of {cell.snr_db:g} dB "
                f"with {cell.noise_type} noise. Is the window or the noise flat there?"
            )
