"""Builders of a small resampled record, noise and dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ecgmodel.dataset.mix_settings import MixSettings, TestMix, TrainMix
from ecgmodel.dataset.mixing import MixJob, mix_record
from ecgmodel.dataset.splits import noise_ranges
from ecgmodel.noise._part import NoisePart, NoiseRecording
from ecgmodel.signals.quality import QualitySettings
from ecgmodel.signals.standard import FS
from tests.wfdb_files import ecg

NOISE_SAMPLES = 80_000
OPEN_GATE = QualitySettings(enabled=False)
EVEN = {"bw": 1.0, "ma": 1.0, "em": 1.0, "mixed": 1.0}


def noise_part(split: str, samples: int = NOISE_SAMPLES) -> NoisePart:
    """Return coloured noise named like nstdb's recordings, two leads each."""
    rng = np.random.default_rng(5)
    recordings, ranges = {}, {}
    for name in ("bw", "ma", "em"):
        white = rng.standard_normal((samples, 2))
        signal = np.cumsum(white, axis=0) * 0.01 if name == "bw" else white + 3.0
        usable = np.ones(signal.shape, bool)
        recordings[name] = NoiseRecording(name, signal.astype(np.float32), usable)
        ranges[name] = noise_ranges(samples)[split]
    return NoisePart(recordings, ranges)


def resampled(folder: Path, seconds: float = 60.0, leads: int = 2) -> dict[str, Any]:
    """Write a resampled record, and return its facts."""
    folder.mkdir(parents=True, exist_ok=True)
    signal = np.stack([ecg(seconds, FS, seed=n) for n in range(leads)], axis=1)
    np.save(folder / "target.npy", signal.astype(np.float32))
    np.save(folder / "recorded.npy", signal.astype(np.float32))
    np.save(folder / "usable.npy", np.ones(signal.shape, bool))
    names = [f"ECG{n + 1}" for n in range(leads)]
    return {"leads": names, "original_fs": 360.0, "target": "highpass", "samples": len(signal)}


def mixing(test: dict[str, Any] | None = None, **train: Any) -> MixSettings:
    """Return settings with windows of 1,024 samples and equal weights of the noise types."""
    train = {"types": EVEN, "on_top": {}, "copies": 2, **train}
    return MixSettings(window=1024, test=TestMix(**(test or {})), train=TrainMix(**train))


def mixed(
    tmp: Path,
    split: str = "train",
    mix: MixSettings | None = None,
    gate: QualitySettings = OPEN_GATE,
    name: str = "own/a",
    seconds: float = 60.0,
) -> tuple[Path, dict[str, Any]]:
    """Mix one record, and return its shard and facts."""
    facts = resampled(tmp / "resampled", seconds)
    into = tmp / f"mixed-{len(list(tmp.glob('mixed-*')))}"
    into.mkdir()
    job = MixJob(name, name, split)  # type: ignore[arg-type]
    info = mix_record(tmp / "resampled", job, facts, noise_part(split), mix or mixing(), gate, into)
    return into / "shard.parquet", info
