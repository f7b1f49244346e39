"""All shards become a dataset: linked by split, with the noise that training may use."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ecgmodel.dataset.checks import NOISE, TRAINING, check_dataset
from ecgmodel.dataset.splits import SPLITS, noise_ranges
from ecgmodel.errors import DatasetError
from ecgmodel.signals.resampling import FS, RECORDED, USABLE
from ecgmodel.store import Stored
from ecgmodel.support.arrays import read_array


def publish_dataset(
    shards: Sequence[Stored],
    noise: Mapping[str, Stored],
    left_out: Sequence[Mapping[str, str]],
    source: Mapping[str, Any],
    into: Path,
) -> dict[str, Any]:
    """Put the shards of all records together.

    Writes `<split>/<database>-<record>.parquet` (hard links where the system allows) and
    `noise.parquet` with the training and validation stretches of the noise recordings, so that a
    training can also mix on the fly.

    Args:
        shards: Mixed records.
        noise: Resampled noise recordings by name.
        left_out: Records that are not in the dataset, with "record", "stage" and "reason".
        source: What the records are ("kind", "simulated", "databases", "citations").
        into: The dataset's folder.

    Returns:
        Facts for the manifest: source, records, subjects, splits, counts, noise ranges.

    Raises:
        DatasetError: A split has no rows, or subjects or noise leak between splits.
    """
    filled = sorted((s for s in shards if s.info["rows"]), key=lambda s: str(s.info["record"]))
    empty = [_empty(shard) for shard in shards if not shard.info["rows"]]
    for split in SPLITS:
        if not any(s.info["split"] == split for s in filled):
            raise DatasetError(_no_rows(split, shards))
        (into / split).mkdir(exist_ok=True)
    for shard in filled:
        name = str(shard.info["record"]).replace("/", "-") + ".parquet"
        _link(shard.file("shard.parquet"), into / str(shard.info["split"]) / name)
    _write_noise(noise, into / NOISE)
    noise_lengths = {name: int(stored.info["samples"]) for name, stored in noise.items()}
    check_dataset(into, noise_lengths)
    lengths = {split: max(s.info["length"] for s in _of(filled, split)) for split in SPLITS}
    return {
        "source": dict(source),
        "fs": FS,
        "units": "mV",
        "lengths": lengths,
        "counts": {split: _counts(_of(filled, split)) for split in SPLITS},
        "splits": {str(s.info["subject"]): s.info["split"] for s in filled},
        "records": [_record(shard) for shard in filled],
        "left_out": [*map(dict, left_out), *empty],
        "noise": {
            name: {"samples": length, "ranges": noise_ranges(length)}
            for name, length in noise_lengths.items()
        },
        "leak_check": "passed",
    }


def _empty(shard: Stored) -> dict[str, str]:
    """Return why a record that was mixed is not in the dataset."""
    piece = "segment" if shard.info["split"] == "test" else "window"
    reason = f"the quality gate kept no {piece}"
    return {"record": str(shard.info["record"]), "stage": "mix", "reason": reason}


def _of(shards: Sequence[Stored], split: str) -> list[Stored]:
    return [s for s in shards if s.info["split"] == split]


def _counts(shards: Sequence[Stored]) -> dict[str, Any]:
    by_noise: Counter[str] = Counter()
    for shard in shards:
        by_noise.update(shard.info["rows_by_noise"])
    return {
        "subjects": len({s.info["subject"] for s in shards}),
        "records": len(shards),
        "rows": by_noise.total(),
        "rows_by_noise": dict(sorted(by_noise.items())),
    }


def _record(shard: Stored) -> dict[str, Any]:
    wanted = ("record", "subject", "split", "original_fs", "rows", "pieces", "gate")
    return {name: shard.info[name] for name in wanted}


def _no_rows(split: str, shards: Sequence[Stored]) -> str:
    there = [s for s in shards if s.info["split"] == split]
    seen = sum(s.info["gate"]["seen"] for s in there)
    kept = sum(s.info["gate"]["kept"] for s in there)
    piece = "segment (mix.test.segment_s)" if split == "test" else "window (mix.window)"
    return (
        f"The {split} split has no row: of {seen} usable windows in {len(there)} records the "
        f"quality gate kept {kept}, which hold no whole {piece}. Shorten it, loosen the gate "
        f"(quality.*), or put other subjects into split.{split}."
    )


def _link(source: Path, target: Path) -> None:
    """Link a file, or copy it where links do not reach."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _write_noise(noise: Mapping[str, Stored], path: Path) -> None:
    """Write the usable runs of the training and validation parts of the noise, as recorded."""
    rows: list[tuple[str, int, str, int, np.ndarray]] = []
    for name, stored in sorted(noise.items()):
        signal = read_array(stored.file(RECORDED), mmap_mode="r")
        usable = read_array(stored.file(USABLE), mmap_mode="r")
        ranges = noise_ranges(int(stored.info["samples"]))
        for split in TRAINING:
            for lead in range(signal.shape[1]):
                for start, end in _runs(usable[slice(*ranges[split]), lead], ranges[split][0]):
                    rows.append((name, lead, split, start, np.array(signal[start:end, lead])))
    columns = {
        "record": pa.array([r[0] for r in rows], pa.string()),
        "lead": pa.array([r[1] for r in rows], pa.int32()),
        "split": pa.array([r[2] for r in rows], pa.string()),
        "start": pa.array([r[3] for r in rows], pa.int64()),
        "samples": pa.array([r[4] for r in rows], pa.list_(pa.float32())),
    }
    table = pa.table(columns).replace_schema_metadata({"fs": str(FS), "units": "mV"})
    pq.write_table(table, path, compression="zstd")


def _runs(usable: np.ndarray, first: int) -> list[tuple[int, int]]:
    """Return the runs of usable samples, as start and end in the recording."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], usable.astype(np.int8), [0]])))
    return [(first + int(a), first + int(b)) for a, b in edges.reshape(-1, 2)]
