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
from ecgmodel.noise._drawing import draw_functions, scaled, shares_of
from ecgmodel.noise._part import Noise, NoisePart, Origin
from ecgmodel.signals.beats import beat_classes
from ecgmodel.signals.quality import QualitySettings, judge
from ecgmodel.signals.standard import BEATS, FS, TARGET, USABLE, highpass
from ecgmodel.signals.windows import cut, segment_starts, spread, window_starts
from ecgmodel.support.arrays import read_array
from ecgmodel.support.decibels import decibels, snr_gain
from ecgmodel.support.randomness import generator, uniforms

if TYPE_CHECKING:
    import pandas as pd

UNMIXED = "none"
SNR_TOLERANCE_DB = 0.01
# Samples processed at once: their float64 copies fit into the CPU cache.
CACHED_SAMPLES = 1 << 15


@dataclass(frozen=True)
class MixJob:
    """A record to be mixed.

    Attributes:
        record: Database and record, e.g. "mitdb/100".
        subject: Its subject.
        split: The subject's split.
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
        job: The record, its subject and its split.
        facts: The manifest's facts of the resampled record ("leads", "original_fs", "target").
        noise: The noise of the split.
        mix: Noise types, SNRs and lengths.
        quality: Thresholds of the quality gate.
        into: The folder for `shard.parquet`.

    Returns:
        Facts for the manifest: numbers of rows and windows, results of the gate by reason and beat
        class.

    Raises:
        RecordError: A noise recording is too short.
        DatasetError: A row does not have its target SNR.
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
                fits = segment_starts(starts, mix.window, length)
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
    """Return the length of a record's rows, samples; a short recording gets a shorter test segment.

    Args:
        mix: Lengths of windows and segments.
        split: The record's split.
        samples: Length of the recording at 360 Hz.
    """
    if split != "test" or samples >= mix.test.segment:
        return mix.length(split)
    return max(mix.window, samples // mix.window * mix.window)


def _metadata(job: MixJob, facts: Mapping[str, Any], mix: MixSettings) -> dict[str, Any]:
    """Return the metadata of a shard."""
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
    """Counts of the quality gate, by reason and by beat class."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.kept: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    def add(self, classes: np.ndarray, kept: np.ndarray, reasons: np.ndarray) -> None:
        """Count windows by beat class and result."""
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
    else:  # the gate must not reject the wander that this target keeps on purpose
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
    """One row before the noise is added.

    Attributes:
        clean: `(samples,)`, mV.
        noise: The noise to add, None for none.
        start: First sample in the recording.
        copy: Number of the window's copy.
        noise_type: Name of the noise type, "none" for none.
        snr_db: Target SNR, dB, None without noise.
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
    """Yield the rows of training and validation, with a random noise type and SNR per copy.

    The type with the largest of one random number per type is chosen, so a further type changes
    only the rows in which it is chosen.
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
    draws = draw_functions((*names, *how.on_top))
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
    """Return a row with several pieces of noise, each at its own SNR, and the SNR of their sum."""
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
    """Yield the rows of the test: every segment without noise, and with every type at every SNR.

    All SNRs of a type use the same piece of noise, so that rows are paired.
    """
    draws = draw_functions(mix.test.types)
    for start in starts.tolist():
        segment = clean[start : start + length]
        yield Cell(segment, None, start, 0, UNMIXED, None)
        for name in mix.test.types:
            piece = draws[name](noise, length, generator(mix.seed, unit, start, 0, name))
            for snr in mix.test.snr_db:
                yield Cell(segment, piece, start, 0, name, snr)


def add_noise(cells: list[Cell]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Add noise to clean rows of one length, at exact SNRs.

    The SNR is 10 log10 of the zero-mean clean power over the zero-mean noise power. The mean of the
    noise is removed before it is added.

    Args:
        cells: The rows.

    Returns:
        Noisy and clean rows, `(rows, samples)` float32, mV, and their achieved SNRs, dB, measured
        on the returned values (NaN without noise).
    """
    clean = np.stack([cell.clean for cell in cells]).astype(np.float32, copy=False)
    noisy, achieved = np.empty_like(clean), np.empty(len(cells))
    few = max(1, CACHED_SAMPLES // clean.shape[1])
    for first in range(0, len(cells), few):
        rows = slice(first, first + few)
        noisy[rows], achieved[rows] = _mixed(clean[rows], cells[rows])
    return noisy, clean, achieved


def _mixed(clean: np.ndarray, cells: list[Cell]) -> tuple[np.ndarray, np.ndarray]:
    """Return the noisy rows of a few cells, and their SNRs."""
    noise = np.zeros(clean.shape)
    for row, cell in zip(noise, cells, strict=True):
        if cell.noise is not None:
            row[:] = cell.noise.samples
    noise -= noise.mean(axis=1, keepdims=True)
    snr = np.array([np.nan if cell.snr_db is None else cell.snr_db for cell in cells])
    power = _power(clean)
    noise *= snr_gain(power, _mean_square(noise), snr)[:, None]
    noisy = (clean + noise).astype(np.float32)
    achieved = decibels(power, _power(noisy - clean))
    return noisy, np.where(np.isnan(snr), np.nan, achieved)


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
    """Return the origins of the rows, as columns of a shard."""
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
                f"{where}, sample {cell.start}: the SNR with {cell.noise_type} noise is {snr:.4f} "
                f"dB instead of {cell.snr_db:g} dB. The signal or the noise is probably flat "
                "there; leave the record out."
            )
