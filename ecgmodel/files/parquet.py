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
from ecgmodel.files._arrays import as_stored, stored_types
from ecgmodel.files._ecg import Hints, Recording, check_rate, check_shape, table_rate_remark
from ecgmodel.files._limits import check_file, check_values
from ecgmodel.files._rates import ask_rate, rate_of_times
from ecgmodel.files._tables import Column, Roles, find_roles
from ecgmodel.support import samples
from ecgmodel.support.extras import need
from ecgmodel.support.samples import LazySamples, Samples, gathered, spans

LABEL = "Parquet table"
SUFFIXES = (".parquet", ".pq")
RATE, UNIT, COMMENT = b"fs", b"unit", b"comment"
_RATES = (RATE, b"sampling_rate", b"sample_rate", b"sampling_frequency", b"sfreq")
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_LOOKED_AT = 200
_BUFFER_BYTES = 2**16


@dataclass(frozen=True)
class _Read:
    """The numeric and time columns of a table.

    Attributes:
        schema: The table's schema.
        roles: The roles of its columns.
        scaled: The leads, mV.
        times: The column of times `(samples, 1)`, relative to the first; None without one.
        nulls: The columns with nulls.
    """

    schema: Any
    roles: Roles
    scaled: Scaled
    times: Samples | None
    nulls: frozenset[int]


def read(path: Path, hints: Hints) -> Recording:
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
    return Recording(
        signal=found.scaled.signal,
        fs=check_rate(fs, path),
        leads=roles.names,
        adc_ranges=(None,) * len(roles.leads),
        other=roles.other,
        remarks=(*roles.remarks, *found.scaled.remarks, *remarks),
        hints=hints,
        declared=roles.declared,
    )


def rewrite(source: Path, ecg: Recording, into: Path, comment: str) -> None:
    """Write a copy of a table with other samples in the leads; other columns and metadata are kept.

    A lead keeps its type if that resolves microvolts, else it becomes float32. Missing samples are
    null in integer columns and in columns that had nulls, else NaN. The comment is added to the
    schema's metadata as "comment".
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = _read(source, ecg.hints)
    check_shape(ecg, found.scaled.signal.shape, source)
    scales, leads = found.scaled.scales, found.roles.leads
    old = [np.dtype(found.schema.field(i).type.to_pandas_dtype()) for i in leads]
    new = stored_types(ecg.signal, scales, old, nullable=True)
    null = [i in found.nulls or kind.kind in "iu" for i, kind in zip(leads, old, strict=True)]
    gaps = sum(np.isnan(ecg.signal[part]).sum(axis=0) for part in spans(ecg.signal.shape))
    schema = found.schema
    for i, place in enumerate(leads):
        field = schema.field(place)
        nullable = field.nullable or bool(null[i] and np.any(np.asarray(gaps)[..., i]))
        schema = schema.set(
            place, field.with_type(pa.from_numpy_dtype(new[i])).with_nullable(nullable)
        )
    metadata = dict(schema.metadata or {})
    if comment:
        metadata.setdefault(COMMENT, comment.encode())
    schema = schema.with_metadata(metadata)
    with pq.ParquetWriter(into / source.name, schema) as file:
        start = 0
        for table in _tables(source):
            signal = ecg.signal[start : start + len(table)]
            for i, place in enumerate(leads):
                missing = np.isnan(signal[:, i]) & null[i]
                values = as_stored(np.where(missing, 0.0, signal[:, i] / scales[i]), new[i])
                column = pa.array(values, mask=missing if null[i] else None)
                table = table.set_column(place, schema.field(place), column)
            file.write_table(table.cast(schema))
            start += len(table)


def write(name: str, ecg: Recording, into: Path, comment: str) -> None:
    """Write one column per lead, float64 in mV ("II (mV)"), and the rate in the metadata ("fs")."""
    need("pyarrow")
    import pyarrow as pa
    import pyarrow.parquet as pq

    metadata = {RATE: repr(float(ecg.fs)).encode(), COMMENT: comment.encode()}
    schema = pa.schema([(f"{lead} (mV)", pa.float64()) for lead in ecg.leads], metadata)
    with pq.ParquetWriter(into / f"{name}.parquet", schema) as file:
        for part in spans(ecg.signal.shape):
            columns = [pa.array(lead, mask=np.isnan(lead)) for lead in ecg.signal[part].T]
            file.write_table(pa.table(columns, schema=schema))


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
            path,
            read_dictionary=dictionaries,
            page_checksum_verification=True,
            memory_map=False,
            pre_buffer=False,  # it would hold all that was read
            buffer_size=_BUFFER_BYTES,
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
    names = [schema.field(i).name for i in wanted]
    with _damage(path):
        first = next(iter(file.iter_batches(_LOOKED_AT, columns=names, use_threads=False)), None)
    columns = {i: first.column(schema.field(i).name) for i in wanted} if first else {}
    unit = _stated(schema.metadata).get(UNIT, b"").decode("utf-8", "replace") or None
    described = [_column(schema.field(i), columns.get(i)) for i in range(len(schema))]
    roles = find_roles(described, hints, path, unit)
    for place in roles.leads:
        _check_number(schema.field(place), path)
    read, nulls = _gathered(file, roles, path)
    leads = len(roles.leads)
    raw = LazySamples((len(read), leads), lambda start, stop: read[start:stop][:, :leads])
    scaled = to_millivolts(raw, roles.units, roles.names, hints, path)
    times = None
    if roles.time is not None:
        times = LazySamples((len(read), 1), lambda start, stop: read[start:stop][:, leads:])
    return _Read(schema, roles, scaled, times, nulls)


def _gathered(file: Any, roles: Roles, path: Path) -> tuple[Samples, frozenset[int]]:
    """Return leads and times `(samples, columns)`, and which columns have nulls."""
    schema = file.schema_arrow
    nulls: set[int] = set()
    places = [*roles.leads, *([] if roles.time is None else [roles.time])]
    names = [schema.field(place).name for place in places]
    begin: dict[int, Any] = {}

    def pieces() -> Iterator[NDArray[np.float64]]:
        rows = max(1, samples.PIECE // len(places))
        for batch in file.iter_batches(rows, columns=list(dict.fromkeys(names)), use_threads=False):
            columns = [batch.column(name) for name in names]
            nulls.update(p for p, column in zip(places, columns, strict=True) if column.null_count)
            yield np.stack(
                [
                    _relative(schema.field(p), column, begin.setdefault(p, column))
                    for p, column in zip(places, columns, strict=True)
                ],
                axis=1,
            )

    with _damage(path):
        return gathered(pieces(), len(places)), frozenset(nulls)


def _relative(field: Any, column: Any, begin: Any) -> NDArray[np.float64]:
    """Return a column as numbers; times of a day or a date relative to the first, in their unit."""
    import pyarrow as pa

    if not _is_time(field):
        return _floats(column)
    wide = pa.int32() if pa.types.is_time32(field.type) else pa.int64()
    first = begin[0].cast(wide).as_py() or 0
    numbers = column.cast(wide)
    counts = numbers.fill_null(first).to_numpy(zero_copy_only=False) - first
    missing = column.is_null().to_numpy(zero_copy_only=False)
    return np.where(missing, np.nan, counts)


def _tables(path: Path) -> Iterator[Any]:
    """Yield a table in pieces; the size of text columns is checked before they are decoded."""
    import pyarrow as pa
    import pyarrow.compute as pc

    schema = _opened(path).schema_arrow
    texts = [f.name for f in schema if pa.types.is_string(f.type) or pa.types.is_binary(f.type)]
    file, size = _opened(path, texts), 0
    rows = max(1, 8 * samples.PIECE // len(schema))
    with _damage(path):
        for batch in file.iter_batches(rows, use_threads=False):
            table = pa.Table.from_batches([batch])
            for name in texts:
                place = table.schema.get_field_index(name)
                column = table.column(place)
                for chunk in column.chunks if pa.types.is_dictionary(column.type) else ():
                    lengths = pc.binary_length(chunk.dictionary).take(chunk.indices)
                    size += pc.sum(lengths).as_py() or 0
                check_values(path, size // 8, path.stat().st_size)
                table = table.set_column(
                    place, schema.field(name), column.cast(schema.field(name).type)
                )
            yield table.replace_schema_metadata(schema.metadata)


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
    steps = np.diff(_floats(column)) if column is not None else np.empty(0)
    rising = bool(len(steps) > 1 and (steps > 0).all() and steps.max() <= 2.01 * steps.min())
    return Column(field.name, unit, True, rising)


def _check_number(field: Any, path: Path) -> None:
    if not _is_number(field):
        raise RecordError(
            f"{path.name}, column {field.name!r}: expected numbers. Received: {field.type}. Choose "
            "another column with --column."
        )


def _floats(column: Any) -> NDArray[np.float64]:
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)


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
    if place is None or found.times is None:
        raise ask_rate(path)
    field = found.schema.field(place)
    if _is_time(field):
        if place in found.nulls or not len(found.times):
            raise RecordError(f"{path.name}: times are missing. Give the sampling rate with --fs.")
        return rate_of_times(found.times, _SECONDS[field.type.unit], path), ()
    _check_number(field, path)
    unit = found.roles.seconds
    fs = rate_of_times(found.times, unit, path)
    return fs, () if unit else (f"{field.name} has no unit; {fs:g} Hz is the only usual rate",)
