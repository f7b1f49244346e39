"""The protocol's data in one place: clean windows of all records, and the noise recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgmodel.errors import DatasetError
from ecgmodel.protocols._qt_bw.noise import (
    RECORD,
    VERSIONS,
    add_noise,
    draw_noise,
    read_noise,
)
from ecgmodel.protocols._qt_bw.records import RECORDS, WINDOWS, split_of, subject_of
from ecgmodel.protocols._qt_bw.windows import record_beats
from ecgmodel.protocols._work import record_path
from ecgmodel.store import Stored
from ecgmodel.support.arrays import read_array

Array = NDArray[Any]

CLEAN, NOISE, ROWS, TEST_NOISE = "clean.npy", "noise.npy", "windows.parquet", "test_noise.parquet"


@dataclass(frozen=True)
class QtBw:
    """All that the protocol is made of.

    Attributes:
        clean: Windows of all records, sorted by record name, `(n, 512)` float32, mV at 360 Hz.
        rows: One row a window: `record`, `subject`, `split` ("train", "validation" or "test"),
            `start` (first sample at the record's own rate), `samples` (of the beat at 360 Hz).
        noise: Recording `bw`, `(650000, 2)` float32, mV at 360 Hz.
    """

    clean: Array
    rows: pd.DataFrame
    noise: Array

    def windows(self, *splits: str) -> Array:
        """Return the clean windows of splits, in order; the published training is of two."""
        chosen: Array = self.clean[self._where(*splits)]
        return chosen

    def rows_of(self, *splits: str) -> pd.DataFrame:
        """Return the rows of `windows(*splits)`."""
        return self.rows[self._where(*splits)].reset_index(drop=True)

    def _where(self, *splits: str) -> Array:
        return self.rows["split"].isin(splits).to_numpy()


class Mixed(NamedTuple):
    """Windows with noise.

    Attributes:
        clean: `(n, 512)` float32, mV.
        noisy: Of the same shape.
        rows: As `QtBw.rows`, with `version`, `noise_channel` (from 0), `noise_start` (sample of
            the recording) and `ratio` (r).
    """

    clean: Array
    noisy: Array
    rows: pd.DataFrame


def mixed(
    data: QtBw, version: int, split: Literal["test", "validation"] = "test", seed: int = 0
) -> Mixed:
    """Return a split's windows with their noise, the same at every call.

    Args:
        data: The protocol's data.
        version: Noise version, 1 or 2.
        split: Whose windows, and which part of the noise.
        seed: Of the ratios; the test's is 0.

    Raises:
        DatasetError: A window does not have the ratio that it should have.
    """
    clean, rows = data.windows(split), data.rows_of(split)
    draw = draw_noise(len(clean), version, split, seed)
    noisy = add_noise(clean, data.noise, draw)
    origin = rows.assign(
        version=version, noise_channel=draw.channel, noise_start=draw.starts, ratio=draw.ratios
    )
    return Mixed(clean, noisy, origin)


def collect(records: Mapping[str, Path], noise: Path) -> QtBw:
    """Cut all records and read the noise.

    Args:
        records: By name, each record's files without suffix.
        noise: `bw` of nstdb, without suffix.

    Raises:
        DatasetError: There is no window, or all records are there and give other numbers of
            windows than the protocol's.
        RecordError: A record cannot be used.
    """
    windows, rows = [], []
    for name in sorted(records):
        beats = record_beats(records[name])
        windows.append(beats.windows)
        who = {"record": name, "subject": subject_of(name), "split": split_of(name)}
        rows.append(pd.DataFrame({"start": beats.starts, "samples": beats.lengths}).assign(**who))
    if not sum(map(len, windows)):
        raise DatasetError(f"None of {len(records)} records gives a window. Name other records.")
    columns = ["record", "subject", "split", "start", "samples"]
    table = pd.concat([part for part in rows if len(part)], ignore_index=True)[columns]
    data = QtBw(np.concatenate(windows), table, read_noise(noise))
    if len(records) == RECORDS:
        _check_counts(data)
    return data


def prepare(downloads: Mapping[str, Stored], into: Path) -> dict[str, Any]:
    """Write clean windows and noise; return facts for the manifest.

    All 105 records must give the published numbers of windows; fewer make a quick version.

    Args:
        downloads: Records of qtdb, whole files with their `pu1` annotations, and `bw` of nstdb.
        into: The folder.
    """
    paths = {name: record_path(one) for name, one in downloads.items()}
    noise = paths.pop(f"nstdb/{RECORD}")
    return write(collect({n.partition("/")[2]: path for n, path in paths.items()}, noise), into)


def write(data: QtBw, into: Path) -> dict[str, Any]:
    """Write the data, and the test's noise as a table; return facts for the manifest."""
    np.save(into / CLEAN, data.clean)
    np.save(into / NOISE, data.noise)
    data.rows.to_parquet(into / ROWS, index=False)
    if (data.rows["split"] == "test").any():
        tests = [mixed(data, version).rows for version in VERSIONS]
        pd.concat(tests, ignore_index=True).to_parquet(into / TEST_NOISE, index=False)
    counts = data.rows["split"].value_counts().to_dict()
    return {
        "windows": {str(split): int(n) for split, n in sorted(counts.items())},
        "records": int(data.rows["record"].nunique()),
        "complete": _counts(data) == WINDOWS,
    }


def read(folder: Path) -> QtBw:
    """Read what `write` wrote; arrays stay on disk until they are used."""
    clean, noise = (read_array(folder / name, mmap_mode="r") for name in (CLEAN, NOISE))
    return QtBw(clean, pd.read_parquet(folder / ROWS), noise)


def _counts(data: QtBw) -> dict[str, int]:
    tests = int((data.rows["split"] == "test").sum())
    return {"train": len(data.rows) - tests, "test": tests}


def _check_counts(data: QtBw) -> None:
    if _counts(data) != WINDOWS:
        raise DatasetError(
            f"Expected {WINDOWS} windows of the {RECORDS} records. Received: {_counts(data)}. "
            "The files are not those of qtdb 1.0.0; download them again."
        )
