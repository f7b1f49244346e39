"""A method on the test shards: one row of metrics a stretch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ecgmodel.errors import DatasetError, MissingFileError, ModelError
from ecgmodel.evaluation.metrics import FS, WINDOW, measure
from ecgmodel.support.decibels import decibels

Array = NDArray[Any]
CleanMany = Callable[[Array], Array]
Progress = Callable[[int], object]

IDENTITY = ("record", "subject", "lead", "start", "noise_type", "target_snr_db")
SNR_TOLERANCE_DB = 0.02
"""Mixing promises 0.01 dB; the rest is what float32 costs."""


@dataclass(frozen=True)
class Batch:
    """The stretches of one row group.

    Attributes:
        noisy: What methods are given, `(n, samples)` float32 in mV.
        clean: What they should return, of the same shape.
        rows: `IDENTITY`, one row a stretch; the SNR is NaN where no noise was added.
        original_fs: The recording's own sampling rate, Hz.
        fs: The sampling rate of the stretches, Hz.
    """

    noisy: Array
    clean: Array
    rows: pd.DataFrame
    original_fs: float
    fs: float


def evaluate_method(
    clean_many: CleanMany,
    shards: Sequence[Path],
    method: str = "model",
    window: int = WINDOW,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Measure a method on every stretch of the test shards.

    Memory holds one row group at a time.

    Args:
        clean_many: The method: float32 `(n, samples)` in mV to the same shape.
        shards: Parquet files of test stretches.
        method: Its name in the table.
        window: Samples that a metric's window holds at least.
        progress: Called with the number of stretches done after each row group.

    Returns:
        One row a stretch: `method`, `record`, `subject`, `lead`, `start`, `original_fs` (Hz),
        `noise_type`, `snr_db` (NaN where no noise was added) and the columns of `METRICS`.

    Raises:
        DatasetError: A shard holds no test stretches, or not at the SNR that it states.
        ModelError: The method changed the shape or returned NaN or infinite values.
    """
    parts = []
    for shard in shards:
        for batch in read_batches(shard):
            answer = clean_many(batch.noisy)
            denoised = checked_answer(answer, batch.noisy, method, partial(_place, batch))
            metrics = measure(batch.clean, batch.noisy, denoised, window, batch.fs)
            rows = batch.rows.rename(columns={"target_snr_db": "snr_db"})
            rows.insert(0, "method", method)
            rows.insert(5, "original_fs", batch.original_fs)
            parts.append(rows.assign(**metrics))
            if progress is not None:
                progress(len(rows))
    if not parts:
        raise DatasetError("No test stretches: the list of shards is empty, or all of them are.")
    return pd.concat(parts, ignore_index=True)


def count_stretches(shards: Sequence[Path]) -> int:
    """Return how many stretches the shards hold (a total for progress bars)."""
    return sum(pq.ParquetFile(shard).metadata.num_rows for shard in shards)


def read_batches(shard: Path) -> Iterator[Batch]:
    """Yield the row groups of a test shard, each with its SNR checked.

    Raises:
        MissingFileError: There is no such file.
        DatasetError: Columns or metadata are missing, or a row is not at the SNR that it states.
    """
    if not Path(shard).is_file():
        raise MissingFileError(f"No test shard at {shard}. Publish the dataset again.")
    with pq.ParquetFile(shard) as file:
        metadata = _metadata(file.schema_arrow)
        columns = ["noisy", "clean", *IDENTITY]
        missing = [name for name in columns if name not in file.schema_arrow.names]
        missing += [] if "original_fs" in metadata else ["metadata original_fs"]
        if missing:
            raise DatasetError(f"{shard} is no shard of test stretches. Missing: {missing}")
        for group in range(file.metadata.num_row_groups):
            batch = _batch(file.read_row_group(group, columns=columns), metadata)
            _check_snr(batch, shard)
            yield batch


def read_stretch(shards: Sequence[Path], row: Mapping[Any, Any]) -> Batch:
    """Read the one stretch that a row of the result table speaks of.

    Args:
        shards: The shards that the table was made from.
        row: With `record`, `lead`, `start`, `noise_type` and `snr_db`.

    Raises:
        DatasetError: It is in none of the shards.
    """
    snr_db = row["snr_db"]
    where = [(name, "==", row[name]) for name in ("record", "lead", "start", "noise_type")]
    where += [] if np.isnan(snr_db) else [("target_snr_db", "==", snr_db)]
    for shard in shards:
        table = pq.read_table(shard, columns=["noisy", "clean", *IDENTITY], filters=where)
        if len(table):
            return _batch(table.slice(0, 1), _metadata(table.schema))
    raise DatasetError(
        f"None of {len(shards)} shards holds {row['record']}, lead {row['lead']}, sample "
        f"{row['start']}, noise {row['noise_type']} at {snr_db:g} dB. Evaluate again."
    )


def _metadata(schema: pa.Schema) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}


def _batch(table: pa.Table, metadata: Mapping[str, str]) -> Batch:
    return Batch(
        noisy=_matrix(table.column("noisy")),
        clean=_matrix(table.column("clean")),
        rows=table.select(list(IDENTITY)).to_pandas(),
        original_fs=float(metadata["original_fs"]),
        fs=float(metadata.get("fs", FS)),
    )


def _matrix(column: pa.ChunkedArray) -> Array:
    """Return a column of fixed-size lists as `(rows, length)`, without a copy where possible."""
    values = column.combine_chunks()
    flat = values.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat).reshape(len(values), -1)


def _check_snr(batch: Batch, shard: Path) -> None:
    """Raise if a stretch is not at its stated SNR: a wrong scale would flatter every method."""
    stated = batch.rows["target_snr_db"].to_numpy(dtype=np.float64)
    noise = batch.noisy.astype(np.float64) - batch.clean
    measured = decibels(batch.clean.astype(np.float64).var(axis=1), noise.var(axis=1))
    silent = np.isnan(stated)
    wrong = np.where(silent, noise.any(axis=1), ~(np.abs(measured - stated) <= SNR_TOLERANCE_DB))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        at = batch.rows.iloc[row]
        raise DatasetError(
            f"{shard}: {at['record']}, lead {at['lead']}, sample {at['start']}, noise "
            f"{at['noise_type']} states an SNR of {stated[row]:g} dB (nan: no noise), but "
            f"{measured[row]:.3f} dB was measured. Mix the record again."
        )


def checked_answer(
    denoised: Array, given: Array, method: str, place: Callable[[int], str]
) -> Array:
    """Return a method's answer if its shape is right and its values are finite.

    Args:
        denoised: What the method returned.
        given: What it was given, `(n, samples)`.
        method: Its name.
        place: Says of a row where it comes from.

    Raises:
        ModelError: The shape is another one, or a value is NaN or infinite.
    """
    denoised = np.asarray(denoised)
    if denoised.shape != given.shape:
        raise ModelError(
            f"Method {method!r} must return the shape that it is given, {given.shape}. "
            f"Received: shape={denoised.shape}"
        )
    bad = ~np.isfinite(denoised).all(axis=1)
    if bad.any():
        raise ModelError(
            f"Method {method!r} returned NaN or infinite values for "
            f"{place(int(np.flatnonzero(bad)[0]))}. Its input was finite."
        )
    return denoised


def _place(batch: Batch, row: int) -> str:
    at = batch.rows.iloc[row]
    return (
        f"{at['record']}, lead {at['lead']}, sample {at['start']}, noise "
        f"{at['noise_type']} at {at['target_snr_db']:g} dB"
    )
