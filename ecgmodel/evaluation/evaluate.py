"""Evaluation of a method on the test shards: one row of metrics per segment."""

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
"""Mixing is exact to 0.01 dB; the rest allows for float32 rounding."""


@dataclass(frozen=True)
class Batch:
    """The segments of one row group.

    Attributes:
        noisy: Input of the methods, `(n, samples)` float32 in mV.
        clean: Expected output, of the same shape.
        rows: The columns `IDENTITY`, one row per segment; the SNR is NaN without added noise.
        original_fs: Sampling rate of the recording, Hz.
        fs: Sampling rate of the segments, Hz.
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
    """Measure a method on every segment of the test shards.

    Reads one row group at a time.

    Args:
        clean_many: The method: takes float32 `(n, samples)` in mV and returns the same shape.
        shards: Parquet files of test segments.
        method: Name of the method in the table.
        window: Minimum length of a metric window, samples; see `cut_windows`.
        progress: Called after each row group with its number of segments.

    Returns:
        One row per segment: `method`, `record`, `subject`, `lead`, `start`, `original_fs` (Hz),
        `noise_type`, `snr_db` (NaN without added noise) and the columns of `METRICS`.

    Raises:
        DatasetError: A shard has no test segments, or the SNR of a segment is not the stated one.
        ModelError: The method changed the shape, or returned NaN or infinite values.
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
        raise DatasetError(
            f"No test segments in {len(shards)} shards. Check the settings split and quality, and "
            "prepare the dataset again."
        )
    return pd.concat(parts, ignore_index=True)


def count_segments(shards: Sequence[Path]) -> int:
    """Return the number of segments in the shards, e.g. for a progress bar."""
    return sum(pq.ParquetFile(shard).metadata.num_rows for shard in shards)


def read_batches(shard: Path) -> Iterator[Batch]:
    """Yield the row groups of a test shard, after a check of their SNR.

    Raises:
        MissingFileError: The file does not exist.
        DatasetError: Columns or metadata are missing, or the SNR of a row is not the stated one.
    """
    if not Path(shard).is_file():
        raise MissingFileError(
            f"Test shard {shard} does not exist. Run `ecg-denoise prepare` to make the dataset "
            "again."
        )
    with pq.ParquetFile(shard) as file:
        metadata = _metadata(file.schema_arrow)
        columns = ["noisy", "clean", *IDENTITY]
        missing = [name for name in columns if name not in file.schema_arrow.names]
        missing += [] if "original_fs" in metadata else ["metadata original_fs"]
        if missing:
            raise DatasetError(
                f"{shard} is not a shard of test segments: {', '.join(missing)} missing. Name "
                "shards in the folder test of a dataset."
            )
        for group in range(file.metadata.num_row_groups):
            batch = _batch(file.read_row_group(group, columns=columns), metadata)
            _check_snr(batch, shard)
            yield batch


def read_segment(shards: Sequence[Path], row: Mapping[Any, Any]) -> Batch:
    """Read the segment of a row of the result table.

    Args:
        shards: The shards from which the table was computed.
        row: Has `record`, `lead`, `start`, `noise_type` and `snr_db`.

    Raises:
        DatasetError: The segment is in none of the shards.
    """
    snr_db = row["snr_db"]
    where = [(name, "==", row[name]) for name in ("record", "lead", "start", "noise_type")]
    where += [] if np.isnan(snr_db) else [("target_snr_db", "==", snr_db)]
    for shard in shards:
        table = pq.read_table(shard, columns=["noisy", "clean", *IDENTITY], filters=where)
        if len(table):
            return _batch(table.slice(0, 1), _metadata(table.schema))
    raise DatasetError(
        f"None of {len(shards)} shards contains {row['record']}, lead {row['lead']}, sample "
        f"{row['start']}, noise {row['noise_type']} at {snr_db:g} dB. The dataset has changed "
        "since: run the evaluation again."
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
    """Return a column of fixed-size lists as `(rows, length)`, without a copy if possible."""
    values = column.combine_chunks()
    flat = values.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat).reshape(len(values), -1)


def _check_snr(batch: Batch, shard: Path) -> None:
    """Raise an error if the SNR of a segment is not the stated one, which biases all results."""
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
            f"{at['noise_type']}: the stated SNR is {stated[row]:g} dB (nan: no noise), the "
            f"measured SNR {measured[row]:.3f} dB. The shard was changed: delete it, and run "
            "`ecg-denoise prepare` again."
        )


def checked_answer(
    denoised: Array, given: Array, method: str, place: Callable[[int], str]
) -> Array:
    """Return the output of a method, after a check that it is finite and of the right shape.

    Args:
        denoised: Output of the method.
        given: Input of the method, `(n, samples)`.
        method: Name of the method.
        place: Returns the origin of a row, for the message.

    Raises:
        ModelError: The shape differs from the input's, or a value is NaN or infinite.
    """
    denoised = np.asarray(denoised)
    if denoised.shape != given.shape:
        raise ModelError(
            f"Method {method!r} must return an array of the shape of its input, {given.shape}. "
            f"Received: shape={denoised.shape}"
        )
    bad = ~np.isfinite(denoised).all(axis=1)
    if bad.any():
        raise ModelError(
            f"Method {method!r} returned NaN or infinite values for "
            f"{place(int(np.flatnonzero(bad)[0]))}, although its input was finite."
        )
    return denoised


def _place(batch: Batch, row: int) -> str:
    at = batch.rows.iloc[row]
    return (
        f"{at['record']}, lead {at['lead']}, sample {at['start']}, noise "
        f"{at['noise_type']} at {at['target_snr_db']:g} dB"
    )
