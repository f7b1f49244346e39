"""Publishing of a dataset: shards linked by split, and the noise for mixing on the fly."""

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
from ecgmodel.signals.standard import FS, RECORDED, USABLE
from ecgmodel.store import Stored
from ecgmodel.support.arrays import read_array


def publish_dataset(
    shards: Sequence[Stored],
    noise: Mapping[str, Stored],
    left_out: Sequence[Mapping[str, str]],
    source: Mapping[str, Any],
    into: Path,
) -> dict[str, Any]:
    """Combine the shards of all records into a dataset.

    Writes `<split>/<database>-<record>.parquet` (hard links if possible) and `noise.parquet` with
    the training and validation parts of the noise recordings, for mixing on the fly.

    Args:
        shards: Mixed records.
        noise: Resampled noise recordings by name.
        left_out: Records that are not in the dataset, with "record", "stage" and "reason".
        source: Description of the records ("kind", "simulated", "databases", "citations").
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
    """Return the reason why a mixed record is not in the dataset."""
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
    found = [s for s in shards if s.info["split"] == split]
    seen = sum(s.info["gate"]["seen"] for s in found)
    kept = sum(s.info["gate"]["kept"] for s in found)
    piece = "segment (mix.test.segment_s)" if split == "test" else "window (mix.window)"
    return (
        f"The {split} split is empty. Of {seen} usable windows in {len(found)} records the quality "
        f"gate kept {kept}, not enough for one {piece}. Shorten it, raise the thresholds of the "
        f"gate (quality.*), or assign other subjects with split.{split}."
    )


def _link(source: Path, target: Path) -> None:
    """Hard-link a file, or copy it if that is not possible."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _write_noise(noise: Mapping[str, Stored], path: Path) -> None:
    """Write the usable runs of the training and validation parts of the noise, not high-passed."""
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
    """Return the start and end of each run of usable samples in the recording."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], usable.astype(np.int8), [0]])))
    return [(first + int(a), first + int(b)) for a, b in edges.reshape(-1, 2)]
