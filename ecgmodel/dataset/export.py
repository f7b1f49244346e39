"""Export of a dataset to NumPy files, for other tools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ecgmodel.dataset.shards import SIGNALS
from ecgmodel.dataset.splits import SPLITS
from ecgmodel.errors import DatasetError, unknown_name


def export_arrays(dataset: Path, to: Path, splits: Sequence[str] = SPLITS) -> dict[str, int]:
    """Write `noisy_signals.npy` and `clean_signals.npy` `(windows, samples)`, and `windows.csv`.

    Test segments are cut into consecutive windows of the training length; a shorter rest is
    dropped. `windows.csv` lists the origin of each window, one per line.

    Args:
        dataset: The dataset's folder.
        to: The output folder.
        splits: The splits to export, in this order.

    Returns:
        Number of windows by split.

    Raises:
        DatasetError: The folder contains no dataset.
        UnknownNameError: There is no such split.
    """
    for split in splits:
        if split not in SPLITS:
            raise unknown_name("split", split, SPLITS)
    shards: dict[str, list[Path]] = {
        split: sorted((dataset / split).glob("*.parquet")) for split in SPLITS
    }
    if not shards["train"]:
        raise DatasetError(
            f"{dataset} contains no dataset. Expected train/*.parquet in it; check the path."
        )
    window = _length(shards["train"][0])
    chosen = [path for split in splits for path in shards[split]]
    counts = {split: sum(_windows(path, window) for path in shards[split]) for split in splits}
    to.mkdir(parents=True, exist_ok=True)
    shape = (sum(counts.values()), window)
    partial = {name: to / f".{name}_signals.npy.part" for name in SIGNALS}
    arrays = {
        name: np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        for name, path in partial.items()
    }
    tables = []
    at = 0
    for batch in _batches(chosen):
        pieces = _length_of(batch) // window
        end = at + batch.num_rows * pieces
        for name in SIGNALS:
            arrays[name][at:end] = _cut(batch[name], pieces, window)
        tables.append(_origins(batch, pieces, window))
        at = end
    for array in arrays.values():
        array.flush()
    del arrays
    for name, path in partial.items():
        path.replace(to / f"{name}_signals.npy")
    pd.concat(tables, ignore_index=True).to_csv(to / "windows.csv", index=False)
    return counts


def _batches(paths: Sequence[Path]) -> Iterator[pa.RecordBatch]:
    for path in paths:
        yield from pq.ParquetFile(path).iter_batches(batch_size=256)


def _length(path: Path) -> int:
    return int(pq.read_schema(path).field("clean").type.list_size)


def _length_of(batch: pa.RecordBatch) -> int:
    return int(batch.schema.field("clean").type.list_size)


def _windows(path: Path, window: int) -> int:
    return int(pq.read_metadata(path).num_rows) * (_length(path) // window)


def _cut(column: pa.Array, pieces: int, window: int) -> np.ndarray:
    rows = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
    return np.asarray(rows[:, : pieces * window].reshape(-1, window))


def _origins(batch: pa.RecordBatch, pieces: int, window: int) -> pd.DataFrame:
    names = [name for name in batch.schema.names if name not in SIGNALS]
    rows = batch.select(names).to_pandas()
    for name in ("noise_record", "noise_lead", "noise_start"):
        rows[name] = ["+".join(map(str, values)) for values in rows[name]]
    rows = rows.loc[rows.index.repeat(pieces)].reset_index(drop=True)
    rows["start"] += np.tile(np.arange(pieces) * window, batch.num_rows)
    return rows
