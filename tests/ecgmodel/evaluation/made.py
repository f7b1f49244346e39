"""Small test shards and tables of results for the tests of the evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

FS, SAMPLES = 360, 11520
LEVELS = (-6.0, 0.0, 6.0)


def ecg(rng: np.random.Generator, samples: int = SAMPLES) -> NDArray[np.float64]:
    """Return a simple synthetic ECG in mV: P, QRS and T waves as Gaussian bumps."""
    time = np.arange(samples) / FS
    beats = np.cumsum(rng.normal(0.85, 0.03, samples // 200))
    bumps = ((-0.18, 0.12, 0.025), (0.0, 1.2, 0.012), (0.03, -0.25, 0.01), (0.25, 0.3, 0.05))
    return sum(
        height * np.exp(-0.5 * ((time - beat - delay) / width) ** 2)
        for beat in beats
        for delay, height, width in bumps
    )


def noise(kind: str, rng: np.random.Generator, samples: int = SAMPLES) -> NDArray[np.float64]:
    """Return zero-mean noise: low-frequency for "bw", high-frequency for "ma"."""
    time = np.arange(samples) / FS
    if kind == "bw":
        wander = np.sin(2 * np.pi * 0.15 * time + rng.uniform(0, 6)) + 0.3 * np.sin(time)
        return wander - wander.mean()
    white = rng.normal(size=samples)
    return white - white.mean()


def at_snr(clean: NDArray, added: NDArray, snr_db: float) -> NDArray:
    """Return clean signal plus noise at the given SNR (zero-mean powers)."""
    return clean + added * np.sqrt(clean.var() / added.var() / 10 ** (snr_db / 10))


def write_shard(
    path: Path,
    record: str,
    segments: Sequence[NDArray],
    kinds: Sequence[str] = ("bw", "ma"),
    original_fs: float = 360.0,
    noises: dict[str, NDArray] | None = None,
) -> Path:
    """Write a test shard: each segment with each noise at each SNR, and without noise."""
    rng = np.random.default_rng(len(record))
    rows: list[dict] = []
    for i, segment in enumerate(segments):
        clean = segment.astype(np.float32)
        cells = [(kind, snr) for kind in kinds for snr in LEVELS]
        for kind, snr in [*cells, ("none", None)]:
            noisy = clean
            if snr is not None:
                added = noises[kind] if noises else noise(kind, rng, len(clean))
                noisy = at_snr(clean.astype(float), added, snr).astype(np.float32)
            rows.append(
                {
                    "noisy": noisy,
                    "clean": clean,
                    "record": record,
                    "subject": record.split("/")[-1],
                    "lead": "MLII",
                    "start": i * len(clean),
                    "noise_type": kind,
                    "target_snr_db": snr,
                    "split": "test",
                }
            )
    _write(path, rows, original_fs)
    return path


def _write(path: Path, rows: list[dict], original_fs: float) -> None:
    size = len(rows[0]["clean"])
    signal = pa.list_(pa.field("item", pa.float32(), nullable=False), size)
    types = {"start": pa.int64(), "target_snr_db": pa.float64()}
    fields, columns = [], []
    for name in rows[0]:
        values = [row[name] for row in rows]
        if name in ("noisy", "clean"):
            flat = pa.array(np.concatenate(values))
            columns.append(pa.FixedSizeListArray.from_arrays(flat, type=signal))
            fields.append(pa.field(name, signal, nullable=False))
        else:
            kind = types.get(name, pa.string())
            columns.append(pa.array(values, kind))
            fields.append(pa.field(name, kind))
    metadata = {"fs": "360.0", "units": "mV", "original_fs": str(original_fs)}
    table = pa.table(columns, schema=pa.schema(fields, metadata=metadata))
    pq.write_table(table, path, row_group_size=8)


def result_table(methods: Sequence[str], subjects: int = 5, seed: int = 0) -> pd.DataFrame:
    """Return a table of results with synthetic values."""
    rng = np.random.default_rng(seed)
    rows = []
    for rank, method in enumerate(methods):
        for subject in range(subjects):
            for start in range(2):
                for kind, snr in [(k, s) for k in ("bw", "ma") for s in LEVELS] + [("none", None)]:
                    gain = 0.0 if method == "none" else 3.0 * rank + subject + rng.normal()
                    rows.append(
                        {
                            "method": method,
                            "record": f"mitdb/{100 + subject}",
                            "subject": f"{100 + subject}",
                            "lead": "MLII",
                            "start": start * SAMPLES,
                            "original_fs": 360.0 if subject else 250.0,
                            "noise_type": kind,
                            "snr_db": np.nan if snr is None else snr,
                            "snr_in": np.nan if snr is None else snr,
                            "snr_out": 20.0 if snr is None else snr + gain,
                            "snr_improvement": np.nan if snr is None else gain,
                            "rmse": 0.2 / (1 + abs(gain)),
                            "prd": 50.0 - gain,
                            "cossim": 0.9 + gain / 1000,
                            "mad": 0.5 - gain / 100,
                            "drift": 0.05,
                            "shape": 0.1,
                        }
                    )
    return pd.DataFrame(rows)
