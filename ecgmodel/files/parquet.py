"""Parquet tables: a row per sample, columns for leads, times and other data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import RecordError
from ecgmodel.files._amplitude import Scaled, to_millivolts
from ecgmodel.files._arrays import as_stored
from ecgmodel.files._ecg import Ecg, Hints, check_rate, check_shape, table_rate_remark
from ecgmodel.files._limits import check_file, check_values
from ecgmodel.files._rates import ask_rate, rate_of_times
from ecgmodel.files._tables import Column, Roles, find_roles
from ecgmodel.support.extras import need

LABEL = "Parquet table"
SUFFIXES = (".parquet", ".pq")
RATE, UNIT, COMMENT = b"fs", b"unit", b"comment"
_RATES = (RATE, b"sampling_rate", b"sample_rate", b"sampling_frequency", b"sfreq")
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_LOOKED_AT = 200


@dataclass(frozen=True)
class _Read:
    """The numeric and time columns of a table.

    Attributes:
        columns: The columns that were read, by index.
        schema: The table's schema.
        roles: The roles of its columns.
        scaled: The leads, mV.
    """

    columns: dict[int, Any]
    schema: Any
    roles: Roles
    scaled: Scaled


def read(path: Path, hints: Hints) -> Ecg:
    """Read a table. See `ecgmodel.files.read_ecg`.

    Names may contain units as in text tables ("MLII_uV"). The metadata of a lead's field or of the
    schema may state `unit`, the schema also the rate `fs`; otherwise the rate is taken from a
    column of times.

    Raises:
        HintNeededError: Rate, unit or leads are unknown.
        RecordError: The file is not Parquet, or claims more data than plausible for its size.
    """
    found = _read(path, hints)
    fs, remarks = _rate(path, found, hints)
    roles = found.roles
    return Ecg(
        signal=found.scaled.signal,
        fs=check_rate(fs, path),
        leads=roles.names,
        adc_ranges=(None,) * len(roles.leads),
        other=roles.other,
        remarks=(*roles.remarks, *found.scaled.remarks, *remarks),
        hints=hints,
    )


def rewrite(source: Path, ecg: Ecg, into: Path, comment: str) -> None:
    """Write a copy of a table with other samples in the leads; other columns and metadata are kept.

    A lead keeps its type if that resolves microvolts, else it becomes float32. Missing samples are
    null in integer columns and in columns that had nulls, else NaN. The comment is added to the
    schema's metadata as "comment".
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = _read(source, ecg.hints)
    check_shape(ecg, found.scaled.signal.shape, source)
    table = _whole(source)
    for i, place in enumerate(found.roles.leads):
        field, scale = found.schema.field(place), found.scaled.scales[i]
        dtype = np.dtype(field.type.to_pandas_dtype())
        missing = np.isnan(ecg.signal[:, i])
        nulls = bool(found.columns[place].null_count) or dtype.kind in "iu"
        values = np.where(missing & nulls, 0.0, ecg.signal[:, i] / scale)
        column = pa.array(as_stored(values, dtype, scale), mask=missing if nulls else None)
        nullable = field.nullable or bool(column.null_count)
        table = table.set_column(
            place, field.with_type(column.type).with_nullable(nullable), column
        )
    metadata = dict(table.schema.metadata or {})
    if comment:
        metadata.setdefault(COMMENT, comment.encode())
    pq.write_table(table.replace_schema_metadata(metadata), into / source.name)


def write(name: str, ecg: Ecg, into: Path, comment: str) -> None:
    """Write one column per lead, float64 in mV ("II (mV)"), and the rate in the metadata ("fs")."""
    need("pyarrow")
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [pa.array(lead, mask=np.isnan(lead)) for lead in ecg.signal.T]
    schema = {RATE: repr(float(ecg.fs)).encode(), COMMENT: comment.encode()}
    table = pa.table(columns, names=[f"{lead} (mV)" for lead in ecg.leads])
    pq.write_table(table.replace_schema_metadata(schema), into / f"{name}.parquet")


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Convert pyarrow's errors on damaged files to RecordError."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, OverflowError, ValueError) as error:
        if isinstance(error, RecordError):
            raise
        raise RecordError(
            f"{path.name} cannot be read as Parquet ({str(error)[:200]}). It is damaged; obtain "
            "the file again."
        ) from error


def _opened(path: Path, dictionaries: list[str] | None = None) -> Any:
    """Open a file, and check that its number of values is plausible for its size."""
    need("pyarrow")
    import pyarrow.parquet as pq

    size = check_file(path)
    with _damage(path):
        # Page checksums, if present, detect damage before decoding.
        file = pq.ParquetFile(
            path, read_dictionary=dictionaries, page_checksum_verification=True, memory_map=False
        )
        facts = file.metadata
        groups = [facts.row_group(i) for i in range(facts.num_row_groups)]
        values = sum(
            max(group.column(i).num_values, group.num_rows)
            for group in groups
            for i in range(group.num_columns)
        )
        check_values(path, max(values, facts.num_rows * len(file.schema_arrow)), size)
        names = file.schema_arrow.names
    if len(set(names)) != len(names):
        raise RecordError(
            f"{path.name}: expected unique column names. Rename the duplicate columns."
        )
    return file


def _read(path: Path, hints: Hints) -> _Read:
    file = _opened(path)
    schema = file.schema_arrow
    wanted = [i for i, field in enumerate(schema) if _is_number(field) or _is_time(field)]
    with _damage(path):
        table = file.read(columns=[schema.field(i).name for i in wanted], use_threads=False)
    columns = {i: table.column(schema.field(i).name) for i in wanted}
    unit = _stated(schema.metadata).get(UNIT, b"").decode("utf-8", "replace") or None
    described = [_column(schema.field(i), columns.get(i)) for i in range(len(schema))]
    roles = find_roles(described, hints, path, unit)
    raw = np.stack([_numbers(columns, schema, i, path) for i in roles.leads], axis=1)
    scaled = to_millivolts(raw, roles.units, roles.names, hints, path)
    return _Read(columns, schema, roles, scaled)


def _whole(path: Path) -> Any:
    """Return a whole table; the size of text columns is checked before they are decoded."""
    import pyarrow as pa
    import pyarrow.compute as pc

    schema = _opened(path).schema_arrow
    texts = [f.name for f in schema if pa.types.is_string(f.type) or pa.types.is_binary(f.type)]
    file = _opened(path, texts)
    with _damage(path):
        table = file.read(use_threads=False)
        for name in texts:
            place = table.schema.get_field_index(name)
            column = table.column(place)
            size = 0
            for chunk in column.chunks if pa.types.is_dictionary(column.type) else ():
                lengths = pc.binary_length(chunk.dictionary).take(chunk.indices)
                size += pc.sum(lengths).as_py() or 0
            check_values(path, size // 8, path.stat().st_size)
            table = table.set_column(
                place, schema.field(name), column.cast(schema.field(name).type)
            )
    return table.replace_schema_metadata(schema.metadata)


def _is_number(field: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(field.type) or pa.types.is_floating(field.type))


def _is_time(field: Any) -> bool:
    import pyarrow as pa

    kinds = (pa.types.is_timestamp, pa.types.is_duration, pa.types.is_time)
    return any(kind(field.type) for kind in kinds)


def _stated(metadata: dict[bytes, bytes] | None) -> dict[bytes, bytes]:
    return {key.lower(): value for key, value in (metadata or {}).items()}


def _column(field: Any, column: Any) -> Column:
    unit = _stated(field.metadata).get(UNIT, b"").decode("utf-8", "replace") or None
    if not _is_number(field):
        return Column(field.name, unit, numeric=False)
    steps = np.diff(_floats(column.slice(0, _LOOKED_AT)))
    rising = bool(len(steps) > 1 and (steps > 0).all() and steps.max() <= 2.01 * steps.min())
    return Column(field.name, unit, True, rising)


def _numbers(columns: dict[int, Any], schema: Any, place: int, path: Path) -> NDArray[np.float64]:
    """Return a column's numbers, NaN for nulls.

    Raises:
        RecordError: The column is not numeric.
    """
    field = schema.field(place)
    if not _is_number(field):
        raise RecordError(
            f"{path.name}, column {field.name!r}: expected numbers. Received: {field.type}. Choose "
            "another column with --column."
        )
    return _floats(columns[place])


def _floats(column: Any) -> NDArray[np.float64]:
    return np.asarray(column.to_numpy(), np.float64)


def _rate(path: Path, found: _Read, hints: Hints) -> tuple[float, tuple[str, ...]]:
    """Return the sampling rate, and a remark if it was chosen or assumed."""
    if hints.fs is not None:
        untold = replace(hints, fs=None)
        return hints.fs, table_rate_remark(hints.fs, lambda: _rate(path, found, untold)[0])
    schema = _stated(found.schema.metadata)
    stated = next((schema[key] for key in _RATES if key in schema), None)
    if stated is not None:
        try:
            return float(stated), ()
        except ValueError as error:
            raise ask_rate(path) from error
    place = found.roles.time
    if place is None:
        raise ask_rate(path)
    times, unit = _times(found, place, path)
    unit = found.roles.seconds if unit is None else unit
    fs = rate_of_times(times, unit, path)
    name = found.schema.field(place).name
    return fs, () if unit else (f"{name} has no unit; {fs:g} Hz is the only usual rate",)


def _times(found: _Read, place: int, path: Path) -> tuple[NDArray[np.float64], float | None]:
    """Return a column of times relative to the first, and their unit, s, if the type states it."""
    import pyarrow as pa

    field = found.schema.field(place)
    if not _is_time(field):
        return _numbers(found.columns, found.schema, place, path), None
    column = found.columns[place]
    if column.null_count or not len(column):
        raise RecordError(f"{path.name}: times are missing. Give the sampling rate with --fs.")
    counts = column.cast(pa.int32() if pa.types.is_time32(field.type) else pa.int64()).to_numpy()
    return (counts - counts[0]).astype(np.float64), _SECONDS[field.type.unit]
