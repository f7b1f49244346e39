"""The test in one place: shards of noisy and clean segments, proven to hold the test's part."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from ecgmodel.dataset.mixing import UNMIXED
from ecgmodel.dataset.shards import read_metadata
from ecgmodel.dataset.splits import noise_ranges
from ecgmodel.errors import DatasetError
from ecgmodel.protocols._leak_free.listing import (
    PLACE,
    RMS,
    check_list,
    list_digest,
    rms_uv,
    stored_list,
)
from ecgmodel.protocols._leak_free.recordings import RECORDINGS, check_subject
from ecgmodel.store import Stored

SHARDS, LIST = "test", "segments.csv"
SHARD, NOISE = "shard ", "noise "


@dataclass(frozen=True)
class LeakFree:
    """All that the protocol is made of.

    Attributes:
        shards: Parquet files of noisy and clean segments, one a record.
        segments: The clean segments, with the columns of `listing.stored_list`.
        target: What counts as clean: "highpass" or "as_recorded".
    """

    shards: tuple[Path, ...]
    segments: pd.DataFrame
    target: str


def prepare(parts: Mapping[str, Stored], into: Path) -> dict[str, Any]:
    """Write the test; see `collect`.

    Args:
        parts: "shard …", a mixed record, and "noise …", a noise recording at 360 Hz.
        into: The folder.
    """
    shards = [one for name, one in parts.items() if name.startswith(SHARD)]
    noise = {n.removeprefix(NOISE): one for n, one in parts.items() if n.startswith(NOISE)}
    return collect(shards, {n: int(one.info["samples"]) for n, one in noise.items()}, into)


def collect(
    shards: Sequence[Stored], noise_samples: Mapping[str, int], into: Path
) -> dict[str, Any]:
    """Put the shards of the test together, after a look at what they are made of.

    Args:
        shards: Mixed records.
        noise_samples: Length of each noise recording at 360 Hz.
        into: The folder: `test/*.parquet` and `segments.csv`.

    Returns:
        Facts for the manifest.

    Raises:
        SplitError: A subject is no test subject.
        DatasetError: Nothing is there, noise is not of its recording's second half, targets
            differ, or the segments are not those of the stored list.
    """
    filled = sorted((s for s in shards if s.info["rows"]), key=lambda s: str(s.info["record"]))
    if not filled:
        raise DatasetError(f"None of {len(shards)} records gives a segment. Name other records.")
    (into / SHARDS).mkdir()
    parts, targets = [], set()
    for stored in filled:
        path = stored.file("shard.parquet")
        _check_origins(path, noise_samples)
        parts.append(_segments(path))
        targets.add(str(read_metadata(path)["target"]))
        _link(path, into / SHARDS / f"{str(stored.info['record']).replace('/', '-')}.parquet")
    if len(targets) > 1:
        raise DatasetError(f"Expected one target. Received shards of: {sorted(targets)}")
    (target,) = targets
    segments = pd.concat(parts, ignore_index=True)
    known = check_list(segments, stored_list(), content=target == "highpass")
    segments.to_csv(into / LIST, index=False)
    return {
        "target": target,
        "records": len(filled),
        "subjects": len({str(s.info["subject"]) for s in filled}),
        "without_segments": [str(s.info["record"]) for s in shards if not s.info["rows"]],
        "segments": len(segments),
        "rows": sum(int(s.info["rows"]) for s in filled),
        "list": list_digest(segments),
        "matches_stored_list": known,
        "complete": {str(s.info["record"]) for s in shards} == _all_records(),
        "gate": _gate(shards),
    }


def read(prepared: Stored) -> LeakFree:
    """Return what `collect` put together."""
    shards = tuple(sorted((prepared.path / SHARDS).glob("*.parquet")))
    types = {"record": str, "lead": str, "start": np.int64}
    segments = pd.read_csv(prepared.file(LIST), dtype=types)
    return LeakFree(shards, segments, str(prepared.info["target"]))


def _all_records() -> set[str]:
    return {f"{db}/{name}" for db in ("mitdb", "qtdb") for name in RECORDINGS[db]}


def _check_origins(path: Path, noise_samples: Mapping[str, int]) -> None:
    """Raise an error if a row shows no test subject, or noise that may train."""
    columns = ["subject", "noise_record", "noise_start"]
    length = pq.read_schema(path).field("clean").type.list_size
    rows = pq.read_table(path, columns=columns).to_pandas()
    for subject in rows["subject"].unique():
        check_subject(subject, path.name)
    pieces = rows[["noise_record", "noise_start"]].explode(["noise_record", "noise_start"])
    for record, starts in pieces.dropna().groupby("noise_record")["noise_start"]:
        first, end = noise_ranges(noise_samples[str(record)])["test"]
        low, high = int(starts.min()), int(starts.max()) + length
        if low < first or high > end:
            raise DatasetError(
                f"{path}: noise {record} is taken from samples {low} to {high}; the test's part "
                f"is {first} to {end}. Mix the record again."
            )


def _segments(path: Path) -> pd.DataFrame:
    """Return the clean segments of a shard."""
    chosen = [("noise_type", "==", UNMIXED)]
    table = pq.read_table(path, columns=[*PLACE, "clean"], filters=chosen)
    clean = table.column("clean").combine_chunks()
    rows = clean.flatten().to_numpy(zero_copy_only=False).reshape(len(clean), -1)
    found = table.select(PLACE).to_pandas().assign(**{RMS: rms_uv(rows)})
    return found.sort_values(["lead", "start"], ignore_index=True)


def _gate(shards: Sequence[Stored]) -> dict[str, dict[str, int]]:
    """Return how many windows of each beat class the quality gate saw and kept."""
    seen: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    for shard in shards:
        for name, counts in shard.info["gate"]["beat_classes"].items():
            seen[name] += counts["seen"]
            kept[name] += counts["kept"]
    return {name: {"seen": n, "kept": kept[name]} for name, n in sorted(seen.items())}


def _link(source: Path, target: Path) -> None:
    """Link a file, or copy it where links do not reach."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
