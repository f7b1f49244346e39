"""Shards: Parquet files of rows with a noisy and a clean signal and their origin."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

# Training shuffles and reads whole row groups: about 4 to 8 MB per signal.
ROW_GROUP_SAMPLES = 1 << 20
SIGNALS = ("noisy", "clean")


def schema(length: int, metadata: Mapping[str, Any] | None = None) -> pa.Schema:
    """Return the columns of a shard whose rows are `length` samples long.

    The signals are fixed-size lists of float32 without nulls, which every Parquet reader supports.
    A row with `noise_type` "none" has no noise origin and null SNRs.
    """
    signal = pa.list_(pa.field("element", pa.float32(), nullable=False), length)
    text, whole = pa.string(), pa.int64()
    columns = [
        *((name, signal, False) for name in SIGNALS),
        *((name, text, False) for name in ("record", "subject", "lead")),
        ("start", whole, False),
        ("copy", pa.int32(), False),
        ("noise_type", text, False),
        ("noise_record", pa.list_(text), False),
        ("noise_lead", pa.list_(pa.int32()), False),
        ("noise_start", pa.list_(whole), False),
        ("target_snr_db", pa.float64(), True),
        ("achieved_snr_db", pa.float64(), True),
        ("split", text, False),
    ]
    fields = [pa.field(name, kind, nullable=null) for name, kind, null in columns]
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in (metadata or {}).items()}
    return pa.schema(fields, metadata=texts)


class ShardWriter:
    """Writes rows into a Parquet file, a row group at a time.

    Args:
        path: The file.
        length: Samples per row.
        metadata: Metadata of the file's schema; values other than strings are stored as JSON.
    """

    def __init__(self, path: Path, length: int, metadata: Mapping[str, Any]) -> None:
        self.rows_per_group = max(1, ROW_GROUP_SAMPLES // length)
        self._schema = schema(length, metadata)
        names = [name for name in self._schema.names if name not in SIGNALS]
        self._writer = pq.ParquetWriter(
            path,
            self._schema,
            compression={**dict.fromkeys(SIGNALS, "NONE"), **dict.fromkeys(names, "zstd")},
            use_dictionary=["record", "subject", "lead", "noise_type", "split"],
            write_statistics=names,
        )

    def write(
        self, noisy: np.ndarray, clean: np.ndarray, columns: Mapping[str, Sequence[Any]]
    ) -> None:
        """Write one row group.

        Args:
            noisy: `(rows, length)` float32, mV.
            clean: The same shape.
            columns: The other columns by name.
        """
        arrays = {"noisy": self._signal(noisy), "clean": self._signal(clean), **columns}
        table = pa.table([arrays[name] for name in self._schema.names], schema=self._schema)
        self._writer.write_table(table)

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()

    def _signal(self, rows: np.ndarray) -> pa.Array:
        values = pa.array(np.ascontiguousarray(rows, dtype=np.float32).reshape(-1))
        return pa.FixedSizeListArray.from_arrays(values, type=self._schema.field("noisy").type)


def read_metadata(path: Path) -> dict[str, Any]:
    """Return the metadata of a shard: fs, units, original_fs, target, record, settings etc."""
    raw = pq.read_schema(path).metadata or {}
    return {k.decode(): _value(v.decode()) for k, v in raw.items() if not k.startswith(b"ARROW:")}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
