"""Clean windows plus noise at exact SNRs: one resampled record becomes one Parquet shard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator

from ecgmodel import registry
from ecgmodel.dataset.shards import Row, ShardWriter
from ecgmodel.errors import DatasetError
from ecgmodel.noise._part import Noise, NoisePart
from ecgmodel.randomness import generator, uniforms
from ecgmodel.signals.beats import beat_classes
from ecgmodel.signals.quality import QualitySettings, judge
from ecgmodel.signals.resampling import BEATS, FS, TARGET, USABLE, highpass
from ecgmodel.signals.windows import cut, spread, stretch_starts, window_starts

UNMIXED = "none"
SNR_TOLERANCE_DB = 0.01


class MixSettings(BaseModel):
    """How noise is added."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: int = Field(1024, ge=64, description="Window of training and validation, samples.")
    stretch_s: float = Field(32.0, gt=0, description="Stretch of the test, s.")
    stretches_per_lead: int | None = Field(
        12, gt=0, description="Test stretches a lead at most, evenly spread; null takes all."
    )
    noise_types: tuple[str, ...] = Field(
        ("bw", "ma", "em", "mixed"), min_length=1, description="Files of ecgmodel/noise."
    )
    snr_db: tuple[float, ...] = Field(
        (-6.0, 0.0, 6.0, 12.0, 18.0), description="SNR levels, dB, zero-mean power."
    )
    unmixed_share: float = Field(
        0.1, ge=0, lt=1, description="Share of training windows without added noise."
    )
    copies: int = Field(2, ge=1, description="Copies of each training window, each with own noise.")
    seed: int = 0

    @field_validator("noise_types")
    @classmethod
    def _known(cls, types: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(registry.check("noise", t, "noise type") for t in types))

    @field_validator("snr_db")
    @classmethod
    def _finite(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if not levels or not np.isfinite(levels).all():
            raise ValueError(f"expected at least one finite SNR in dB. Received: {levels}")
        return tuple(sorted(set(levels)))

    @property
    def stretch(self) -> int:
        """Stretch length, samples at 360 Hz."""
        return round(self.stretch_s * FS)

    def length(self, split: str) -> int:
        """Return the length of a row of a split, samples."""
        return self.stretch if split == "test" else self.window


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


def noise_records(noise_types: tuple[str, ...]) -> tuple[str, ...]:
    """Return the noise recordings that the noise types are made of."""
    modules = [registry.load("noise", name, "noise type") for name in noise_types]
    return tuple(sorted({record for module in modules for record in module.RECORDS}))


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
    target = np.load(resampled / TARGET, mmap_mode="r")
    usable = np.load(resampled / USABLE, mmap_mode="r")
    beats = pd.read_parquet(resampled / BEATS) if (resampled / BEATS).is_file() else None
    gate = GateReport()
    length = mix.length(job.split)
    metadata = {
        "fs": FS,
        "units": "mV",
        "original_fs": facts["original_fs"],
        "target": facts["target"],
        "record": job.record,
        "subject": job.subject,
        "split": job.split,
        "settings": mix.model_dump(mode="json"),
    }
    counts: Counter[str] = Counter()
    with ShardWriter(into / "shard.parquet", length, metadata) as shard:
        for index, lead in enumerate(facts["leads"]):
            clean = np.ascontiguousarray(target[:, index])
            starts = _good_windows(clean, usable[:, index], facts, mix, quality, beats, gate)
            if job.split == "test":
                fits = stretch_starts(starts, mix.window, length)
                chosen = spread(fits, mix.stretches_per_lead)
                rows = _grid_rows(clean, chosen, lead, job, noise, mix)
            else:
                chosen = starts
                rows = _drawn_rows(clean, chosen, lead, job, noise, mix)
            counts["windows"] += len(chosen)
            for row in rows:
                _check_snr(row, job.record)
                shard.append(row)
                counts[row.noise_type] += 1
    windows = counts.pop("windows")
    return {
        **{"record": job.record, "subject": job.subject, "split": job.split, "length": length},
        **{"rows": counts.total(), "pieces": windows, "rows_by_noise": dict(sorted(counts.items()))},
        "original_fs": facts["original_fs"],
        "gate": gate.as_dict(),
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


def _drawn_rows(
    clean: np.ndarray,
    starts: np.ndarray,
    lead: str,
    job: MixJob,
    noise: NoisePart,
    mix: MixSettings,
) -> Iterator[Row]:
    """Yield the rows of training and validation: each copy of a window draws type and SNR.

    A draw is won by the largest of one random number per candidate, so that adding a candidate
    changes only the rows that it wins.
    """
    unit = f"{job.record} {lead}"
    copies = np.arange(mix.copies)
    unmixed = uniforms(mix.seed, f"{unit} unmixed", starts[:, None], copies) < mix.unmixed_share
    types = _winners(mix.noise_types, mix.seed, f"{unit} type", starts[:, None], copies)
    levels = _winners(mix.snr_db, mix.seed, f"{unit} snr", starts[:, None], copies)
    windows = cut(clean, starts, mix.window)
    for w, start in enumerate(starts.tolist()):
        for copy in range(mix.copies):
            if unmixed[w, copy]:
                yield _unmixed_row(windows[w], lead, start, copy, job)
                continue
            name, snr = mix.noise_types[types[w, copy]], mix.snr_db[levels[w, copy]]
            piece = _draw(name, noise, mix, unit, start, copy, mix.window)
            yield _mixed_row(windows[w], piece, name, snr, lead, start, copy, job)


def _grid_rows(
    clean: np.ndarray,
    starts: np.ndarray,
    lead: str,
    job: MixJob,
    noise: NoisePart,
    mix: MixSettings,
) -> Iterator[Row]:
    """Yield the rows of the test: every stretch unmixed, and with every type at every SNR.

    The levels of a type share one piece of noise, so that cells are paired.
    """
    unit = f"{job.record} {lead}"
    for start in starts.tolist():
        stretch = clean[start : start + mix.stretch]
        yield _unmixed_row(stretch, lead, start, 0, job)
        for name in mix.noise_types:
            piece = _draw(name, noise, mix, unit, start, 0, mix.stretch)
            for snr in mix.snr_db:
                yield _mixed_row(stretch, piece, name, snr, lead, start, 0, job)


def _winners(
    candidates: tuple[object, ...], seed: int, name: str, *counters: np.ndarray
) -> np.ndarray:
    """Return, per counter, the index of the candidate with the largest random number."""
    draws = [uniforms(seed, f"{name} {candidate}", *counters) for candidate in candidates]
    return np.argmax(draws, axis=0)


def _draw(
    name: str, noise: NoisePart, mix: MixSettings, unit: str, start: int, copy: int, length: int
) -> Noise:
    draw = registry.load("noise", name, "noise type").draw
    drawn: Noise = draw(noise, length, generator(mix.seed, unit, start, copy, name))
    return drawn


def _unmixed_row(clean: np.ndarray, lead: str, start: int, copy: int, job: MixJob) -> Row:
    return Row(
        clean, clean, job.record, job.subject, lead, start, copy, UNMIXED, (), None, None, job.split
    )


def _mixed_row(
    clean: np.ndarray,
    noise: Noise,
    name: str,
    snr: float,
    lead: str,
    start: int,
    copy: int,
    job: MixJob,
) -> Row:
    """Return clean plus noise at an SNR: zero-mean clean power over zero-mean noise power."""
    power = float(np.var(clean, dtype=np.float64))
    noise_power = float(np.var(noise.samples, dtype=np.float64))
    gain = np.sqrt(power / (noise_power * 10 ** (snr / 10)))
    centred = noise.samples - noise.samples.mean(dtype=np.float64)
    noisy = (clean + gain * centred).astype(np.float32)
    achieved = achieved_snr_db(clean, noisy)
    return Row(
        *(noisy, clean, job.record, job.subject, lead, start, copy, name, noise.origins),
        *(snr, achieved, job.split),
    )


def achieved_snr_db(clean: np.ndarray, noisy: np.ndarray) -> float:
    """Return 10 log10 of zero-mean clean power over zero-mean noise power, dB."""
    added = np.subtract(noisy, clean, dtype=np.float64)
    return float(10 * np.log10(np.var(clean, dtype=np.float64) / np.var(added)))


def _check_snr(row: Row, record: str) -> None:
    if row.target_snr_db is None or row.achieved_snr_db is None:
        return
    if not abs(row.achieved_snr_db - row.target_snr_db) <= SNR_TOLERANCE_DB:
        raise DatasetError(
            f"{record}, lead {row.lead}, sample {row.start}: SNR is {row.achieved_snr_db:.4f} dB "
            f"instead of {row.target_snr_db:g} dB with {row.noise_type} noise."
        )
