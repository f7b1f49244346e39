"""Proof, from the shards alone, that no person and no noise is on both sides of a split."""

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
"""The splits whose noise `noise.parquet` offers."""
_ORIGINS = ("noise_record", "noise_lead", "noise_start")


def check_dataset(
    dataset: Path, noise_lengths: Mapping[str, int] | None = None, deep: bool = False
) -> dict[str, Any]:
    """Check a dataset's shards for leaks.

    Every subject must lie in one split, every row in the folder of its split, and no sample of a
    noise recording may be used by two splits: neither in the shards nor in what `noise.parquet`
    offers to a training that mixes anew.

    Args:
        dataset: The dataset's folder, with `train/`, `validation/`, `test/` and `noise.parquet`.
        noise_lengths: Length of each noise recording; each split must also keep to its part
            (first half training, its last fifth validation, second half test). None takes what
            the dataset's manifest says, if it has one.
        deep: Also read the signals and measure every row's SNR.

    Returns:
        What was checked: rows and subjects by split, the noise samples used.

    Raises:
        DatasetError: A leak, or a row that is not what it says; the message names the file.
    """
    subjects: dict[str, dict[str, str]] = defaultdict(dict)
    spans: dict[str, dict[str, list[int]]] = defaultdict(dict)
    rows = dict.fromkeys(SPLITS, 0)
    for split in SPLITS:
        for path in sorted((dataset / split).glob("*.parquet")):
            rows[split] += _check_shard(path, split, subjects, spans, deep)
        if not rows[split]:
            raise DatasetError(f"{dataset / split} holds no rows. Prepare the dataset again.")
    for subject, places in subjects.items():
        if len(places) > 1:
            where = " and ".join(f"{split} ({path})" for split, path in places.items())
            raise DatasetError(f"Subject {subject} is in {where}: a leak between splits.")
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
    """Gather a shard's subjects and noise spans, and return its number of rows."""
    file = pq.ParquetFile(path)
    length = file.schema_arrow.field("clean").type.list_size
    for batch in file.iter_batches(columns=["subject", "split", *_ORIGINS]):
        for subject in batch["subject"].unique().to_pylist():
            subjects[subject].setdefault(split, path.name)
        for named in batch["split"].unique().to_pylist():
            if named != split:
                raise DatasetError(f"{path} holds a row of split {named!r}; expected {split!r}.")
        starts = batch["noise_start"].flatten().to_numpy(zero_copy_only=False)
        records = np.asarray(batch["noise_record"].flatten().to_pylist(), dtype=object)
        for record in set(records.tolist()):
            used = starts[records == record]
            _widen(spans[record], split, int(used.min()), int(used.max()) + length)
    if deep:
        _check_snrs(file, path)
    return int(file.metadata.num_rows)


def _gather_noise(path: Path, spans: dict[str, dict[str, list[int]]]) -> None:
    """Gather the noise that a training may mix anew."""
    if not path.is_file():
        raise DatasetError(f"{path} is missing. Prepare the dataset again.")
    table = pq.read_table(path, columns=["record", "split", "start", "samples"])
    lengths = pc.list_value_length(table["samples"]).to_pylist()
    names = (table[name].to_pylist() for name in ("record", "split", "start"))
    for record, split, start, length in zip(*names, lengths, strict=True):
        if split not in TRAINING:
            raise DatasetError(f"{path} holds noise of split {split!r}; expected {TRAINING}.")
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
                f"Noise {record}: {split} uses sample {start}, {split_before} uses samples up to "
                f"{end_before}: a leak between splits."
            )
        end_before, split_before = end, split
        if length is not None:
            low, high = noise_ranges(length)[split]
            if start < low or end > high:
                raise DatasetError(
                    f"Noise {record}: {split} uses samples {start} to {end}; "
                    f"its part is {low} to {high}."
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
        missed = ~(np.abs(snr - target) <= SNR_TOLERANCE_DB)  # nothing added is no SNR
        wrong = np.where(np.isnan(target), added.any(axis=1), missed)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise DatasetError(
                f"{path}, row {seen + row}: measured SNR {snr[row]:.3f} dB, stated {target[row]:g}."
            )
        seen += len(clean)


def _matrix(column: Any) -> np.ndarray:
    values = column.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(values.reshape(len(column), -1), dtype=np.float64)
