"""Leak check: verifies from the shards that no subject and no noise is in two splits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ecgmodel.dataset.splits import SPLITS, noise_ranges
from ecgmodel.errors import DatasetError
from ecgmodel.store import MANIFEST, read_stored
from ecgmodel.support.decibels import decibels

SNR_TOLERANCE_DB = 0.01
NOISE = "noise.parquet"
TRAINING = ("train", "validation")
"""The splits whose noise is stored in `noise.parquet`."""
_ORIGINS = ("noise_record", "noise_lead", "noise_start")


def check_dataset(
    dataset: Path, noise_lengths: Mapping[str, int] | None = None, deep: bool = False
) -> dict[str, Any]:
    """Check a dataset's shards for leaks.

    Every subject must be in one split, every row in the folder of its split, and no sample of a
    noise recording may be used by two splits: neither in the shards nor in `noise.parquet`, which
    provides the noise for mixing on the fly.

    Args:
        dataset: The dataset's folder, with `train/`, `validation/`, `test/` and `noise.parquet`.
        noise_lengths: Length of each noise recording, samples; each split must also stay within
            its part (first half training, its last fifth validation, second half test). None reads
            the lengths from the dataset's manifest, if it has one.
        deep: Also read the signals and measure every row's SNR.

    Returns:
        Rows and subjects by split, and the range of noise samples used by each split.

    Raises:
        DatasetError: There is a leak, or a row contradicts its columns; the message names the file.
    """
    subjects: dict[str, dict[str, str]] = defaultdict(dict)
    spans: dict[str, dict[str, list[int]]] = defaultdict(dict)
    rows = dict.fromkeys(SPLITS, 0)
    for split in SPLITS:
        for path in sorted((dataset / split).glob("*.parquet")):
            rows[split] += _check_shard(path, split, subjects, spans, deep)
        if not rows[split]:
            raise DatasetError(f"{dataset / split} contains no rows. Prepare the dataset again.")
    for subject, places in subjects.items():
        if len(places) > 1:
            where = " and ".join(f"{split} ({path})" for split, path in places.items())
            raise DatasetError(
                f"Leak between splits: subject {subject} is in {where}. Prepare the dataset again."
            )
    _gather_noise(dataset / NOISE, spans)
    lengths = _noted_lengths(dataset) if noise_lengths is None else noise_lengths
    for record, by_split in spans.items():
        _check_noise(record, by_split, lengths.get(record))
    return {
        "rows": rows,
        "subjects": {
            split: sorted(s for s, places in subjects.items() if split in places)
            for split in SPLITS
        },
        "noise": {record: dict(by_split) for record, by_split in sorted(spans.items())},
        "snr_measured": deep,
    }


def _noted_lengths(dataset: Path) -> dict[str, int]:
    if not (dataset / MANIFEST).is_file():
        return {}
    noise = read_stored(dataset).info["noise"]
    return {name: int(facts["samples"]) for name, facts in noise.items()}


def _check_shard(
    path: Path,
    split: str,
    subjects: dict[str, dict[str, str]],
    spans: dict[str, dict[str, list[int]]],
    deep: bool,
) -> int:
    """Collect a shard's subjects and noise ranges, and return its number of rows."""
    file = pq.ParquetFile(path)
    length = file.schema_arrow.field("clean").type.list_size
    for batch in file.iter_batches(columns=["subject", "split", *_ORIGINS]):
        for subject in batch["subject"].unique().to_pylist():
            subjects[subject].setdefault(split, path.name)
        for named in batch["split"].unique().to_pylist():
            if named != split:
                raise DatasetError(
                    f"{path} contains a row of split {named!r}. Expected only {split!r}. Prepare "
                    "the dataset again."
                )
        starts = batch["noise_start"].flatten().to_numpy(zero_copy_only=False)
        records = np.asarray(batch["noise_record"].flatten().to_pylist(), dtype=object)
        for record in set(records.tolist()):
            used = starts[records == record]
            _widen(spans[record], split, int(used.min()), int(used.max()) + length)
    if deep:
        _check_snrs(file, path)
    return int(file.metadata.num_rows)


def _gather_noise(path: Path, spans: dict[str, dict[str, list[int]]]) -> None:
    """Collect the ranges of the noise for mixing on the fly."""
    if not path.is_file():
        raise DatasetError(f"{path} is missing. Prepare the dataset again.")
    table = pq.read_table(path, columns=["record", "split", "start", "samples"])
    lengths = pc.list_value_length(table["samples"]).to_pylist()
    names = (table[name].to_pylist() for name in ("record", "split", "start"))
    for record, split, start, length in zip(*names, lengths, strict=True):
        if split not in TRAINING:
            raise DatasetError(
                f"{path} contains noise of split {split!r}. Expected only {' and '.join(TRAINING)}."
                " Prepare the dataset again."
            )
        _widen(spans[record], split, start, start + length)


def _widen(spans: dict[str, list[int]], split: str, low: int, high: int) -> None:
    span = spans.setdefault(split, [low, high])
    span[:] = [min(span[0], low), max(span[1], high)]


def _check_noise(record: str, by_split: Mapping[str, list[int]], length: int | None) -> None:
    ordered = sorted((low, high, split) for split, (low, high) in by_split.items())
    end_before, split_before = -1, ""
    for start, end, split in ordered:
        if start < end_before:
            raise DatasetError(
                f"Leak between splits: of noise {record}, {split} uses samples from {start} and "
                f"{split_before} up to {end_before}. Prepare the dataset again."
            )
        end_before, split_before = end, split
        if length is not None:
            low, high = noise_ranges(length)[split]
            if start < low or end > high:
                raise DatasetError(
                    f"Noise {record}: {split} uses samples {start} to {end}. Its part is {low} to "
                    f"{high}. Prepare the dataset again."
                )


def _check_snrs(file: pq.ParquetFile, path: Path) -> None:
    """Measure the SNR of every row of a shard."""
    columns = ["noisy", "clean", "noise_type", "target_snr_db"]
    seen = 0
    for batch in file.iter_batches(batch_size=256, columns=columns):
        clean = _matrix(batch["clean"])
        added = _matrix(batch["noisy"]) - clean
        snr = decibels(clean.var(axis=1), added.var(axis=1))
        target = batch["target_snr_db"].to_numpy(zero_copy_only=False)
        missed = ~(np.abs(snr - target) <= SNR_TOLERANCE_DB)  # NaN counts as missed
        wrong = np.where(np.isnan(target), added.any(axis=1), missed)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise DatasetError(
                f"{path}, row {seen + row}: the measured SNR is {snr[row]:.3f} dB, the stated one "
                f"{target[row]:g} dB. Prepare the dataset again."
            )
        seen += len(clean)


def _matrix(column: Any) -> np.ndarray:
    values = column.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(values.reshape(len(column), -1), dtype=np.float64)
