"""NumPy arrays in files: the header is checked before reading, and nothing is unpickled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import RecordError
from ecgmodel.files._amplitude import Scaled, to_millivolts
from ecgmodel.files._channels import Chosen, choose_leads
from ecgmodel.files._ecg import MOST_LEADS, Hints
from ecgmodel.files._limits import HEADER_BYTES
from ecgmodel.support.samples import LazySamples, Samples, spans

# Integers in units up to 1 uV are finer than an ADC; with coarser units they become float32.
_FINE_MV = 1e-3


@dataclass(frozen=True)
class ArrayShape:
    """The header of an array.

    Attributes:
        shape: The array's shape.
        fortran: Whether it is in Fortran order.
        dtype: Its data type.
        offset: Size of the header, bytes.
    """

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int

    @property
    def values(self) -> int:
        """The number of elements."""
        count = 1
        for length in self.shape:
            count *= length
        return count

    @property
    def is_numeric(self) -> bool:
        """Whether it contains integers or real numbers."""
        return self.dtype.kind in "iuf" and self.dtype.itemsize <= 8


def read_shape(file: IO[bytes], path: Path) -> ArrayShape:
    """Read an array's header, at the start of a file.

    Raises:
        RecordError: The header is invalid.
    """
    try:
        version = np.lib.format.read_magic(file)
        reading = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = reading(file, max_header_size=HEADER_BYTES // 256)
    except Exception as error:  # NumPy parses it as Python, which raises various errors
        raise RecordError(
            f"{path.name} is not a NumPy array: its header cannot be read ({error!r}). Save it "
            "again with np.save or np.savez."
        ) from error
    return ArrayShape(tuple(int(n) for n in shape), bool(fortran), dtype, file.tell())


def read_values(file: IO[bytes], shape: ArrayShape, size: int, path: Path) -> NDArray[Any]:
    """Read the data of an array, after its header.

    Args:
        file: The file, positioned after the header.
        shape: The header.
        size: Size of header and data, bytes.
        path: The file, for errors.

    Raises:
        RecordError: The size contradicts the header, or the data are Python objects.
    """
    check_size(shape, size, path)
    data = file.read(size - shape.offset)
    if len(data) != size - shape.offset:
        raise _cut(len(data), size - shape.offset, path)
    array = np.frombuffer(data, shape.dtype)
    return array.reshape(shape.shape, order="F" if shape.fortran else "C")


def check_size(shape: ArrayShape, size: int, path: Path) -> None:
    """Check the header of an array against the size of header and data, bytes.

    Raises:
        RecordError: The size contradicts the header, or the data are Python objects.
    """
    if shape.dtype.hasobject:
        raise RecordError(
            f"{path.name} contains Python objects (dtype {shape.dtype}), which could run code when "
            "loaded. Save numbers: np.save(..., allow_pickle=False)."
        )
    expected = shape.values * shape.dtype.itemsize
    if min(shape.shape, default=1) < 0 or expected != size - shape.offset:
        raise RecordError(
            f"{path.name} is truncated or damaged: its header states {shape.shape} of "
            f"{shape.dtype}, {expected:,} bytes. Received {size - shape.offset:,}. Obtain the file "
            "again."
        )


def _cut(found: int, expected: int, path: Path) -> RecordError:
    return RecordError(
        f"{path.name} is truncated after {found:,} of {expected:,} bytes. Obtain the file again."
    )


class ArrayFile:
    """The data of an array `(samples,)`, `(samples, leads)` or `(leads, samples)` in a file.

    The longer axis is time.

    Args:
        file: The file; it is kept open.
        header: The array's header.
        path: The file's name, for errors.

    Attributes:
        rows: Whether the leads are the array's rows.
        shape: `(samples, leads)`.

    Raises:
        RecordError: The array has another shape, or contains no numbers.
    """

    def __init__(self, file: IO[bytes], header: ArrayShape, path: Path) -> None:
        if len(header.shape) not in (1, 2) or not header.values:
            raise RecordError(
                f"{path.name}: expected an array (samples,), (samples, leads) or (leads, samples). "
                f"Received: {header.shape}. Save one recording per file."
            )
        if header.dtype.kind not in "iuf":
            raise RecordError(
                f"{path.name}: expected integers or real numbers. Received: {header.dtype}. Save "
                "the leads as float32 or int16, for example."
            )
        self.header, self.path, self._file = header, path, file
        long, short = header.shape if len(header.shape) == 2 else (*header.shape, 1)
        self.rows = long < short
        if self.rows:
            long, short = short, long
        if (short == long and short > 1) or short > MOST_LEADS:
            raise RecordError(
                f"{path.name}: expected at most {MOST_LEADS} leads, and more samples than leads. "
                f"Received: {header.shape}. Save one recording per file."
            )
        self.shape = (long, short)
        self._by_lead = self.rows != header.fortran and len(header.shape) == 2

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Return the samples from `start` to before `stop` of all rows or columns, `(n, columns)`.

        Raises:
            RecordError: The file was cut meanwhile.
        """
        parts = [self._read(at, count) for at, count in self._parts(start, stop)]
        if self._by_lead:
            return np.stack(parts, axis=1)
        return parts[0].reshape(-1, self.shape[1])

    def write(self, start: int, table: NDArray[Any]) -> None:
        """Write samples `(n, columns)` from `start` on, in the array's data type."""
        parts = self._parts(start, start + len(table))
        for i, (at, _) in enumerate(parts):
            self._file.seek(self.header.offset + at * self.header.dtype.itemsize)
            self._file.write((table[:, i] if self._by_lead else table).tobytes())

    def _parts(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Return the first value and the number of values of each part, in the file's order."""
        samples, columns = self.shape
        if self._by_lead:
            return [(lead * samples + start, stop - start) for lead in range(columns)]
        return [(start * columns, (stop - start) * columns)]

    def _read(self, at: int, count: int) -> NDArray[Any]:
        dtype = self.header.dtype
        self._file.seek(self.header.offset + at * dtype.itemsize)
        data = self._file.read(count * dtype.itemsize)
        if len(data) != count * dtype.itemsize:
            raise _cut(len(data), count * dtype.itemsize, self.path)
        return np.frombuffer(data, dtype)


@dataclass(frozen=True)
class Leads:
    """The leads in an array.

    Attributes:
        places: Indices of their rows or columns.
        scaled: The leads in mV.
        names: Names of the leads.
        other: Names of the other rows or columns.
        declared: Whether each lead is an ECG whatever its samples look like.
        remarks: Assumptions and corrections.
    """

    places: tuple[int, ...]
    scaled: Scaled
    names: tuple[str, ...]
    other: tuple[str, ...]
    declared: tuple[bool, ...]
    remarks: tuple[str, ...]


def find_leads(
    array: ArrayFile,
    names: tuple[str, ...],
    unit: str | None,
    hints: Hints,
    path: Path,
    are_leads: bool = False,
) -> Leads:
    """Return the leads of an array: without names, all its rows or columns.

    Args:
        array: The array.
        names: Names of its rows or columns, empty without any.
        unit: Their unit, None if unknown.
        hints: Information from the user.
        path: The file, for errors.
        are_leads: Whether the file declares them leads.

    Raises:
        HintNeededError: Leads or unit are unknown.
    """
    samples, short = array.shape
    known = names if len(names) == short else tuple(f"lead {i + 1}" for i in range(short))
    every = tuple(range(short))
    if hints.columns or (known is names and short > 1 and not are_leads):
        chosen = choose_leads(known, [unit] * short, hints, path)
    else:
        chosen = Chosen(every, (are_leads,) * short)
    places = chosen.leads
    leads = tuple(known[i] for i in places)
    raw = LazySamples(
        (samples, len(places)), lambda start, stop: array.read(start, stop)[:, list(places)]
    )
    scaled = to_millivolts(raw, [unit] * len(places), leads, hints, path)
    remarks = (f"rows taken as leads: {array.header.shape}",) if array.rows else ()
    other = tuple(name for i, name in enumerate(known) if i not in places)
    remarks = (*chosen.remarks, *remarks, *scaled.remarks)
    return Leads(places, scaled, leads, other, chosen.declared, remarks)


def write_array(file: IO[bytes], array: ArrayFile, leads: Leads, signal: Samples) -> None:
    """Write a copy of an array with other samples `(samples, leads)`, mV, in its leads.

    It keeps the data type if that resolves microvolts and holds all samples, else it becomes
    float32.

    Args:
        file: An empty file, for reading and writing.
        array: The array.
        leads: Its leads.
        signal: Their samples.
    """
    scales, old = leads.scaled.scales, array.header
    types = stored_types(signal, scales, [old.dtype] * len(scales))
    dtype = next((each for each in types if each != old.dtype), old.dtype)
    descr = np.lib.format.dtype_to_descr(dtype)
    header = {"descr": descr, "fortran_order": old.fortran, "shape": old.shape}
    np.lib.format.write_array_header_1_0(file, header)
    made = ArrayFile(file, replace(old, dtype=dtype, offset=file.tell()), array.path)
    for part in spans(array.shape):
        table = array.read(part.start, part.stop).astype(dtype)
        table[:, list(leads.places)] = as_stored(signal[part] / np.asarray(scales), dtype)
        made.write(part.start, table)


def write_new(file: IO[bytes], signal: Samples) -> None:
    """Write a signal as an array `(samples, leads)` of float64."""
    descr = np.lib.format.dtype_to_descr(np.dtype(np.float64))
    header = {"descr": descr, "fortran_order": False, "shape": signal.shape}
    np.lib.format.write_array_header_1_0(file, header)
    for part in spans(signal.shape):
        file.write(signal[part].tobytes())


def stored_types(
    signal: Samples,
    scales: Sequence[float],
    dtypes: Sequence[np.dtype[Any]],
    nullable: bool = False,
) -> list[np.dtype[Any]]:
    """Return each lead's data type in a file: as it was, or float32.

    An integer type is kept if its unit is at most 1 uV, and it holds all samples.

    Args:
        signal: `(samples, leads)`, mV.
        scales: The file's unit of each lead, mV.
        dtypes: The file's data type of each lead.
        nullable: Whether an integer type can mark missing samples.
    """
    limits = [np.iinfo(dtype) if dtype.kind in "iu" else None for dtype in dtypes]
    low = np.array([limit.min if limit else -np.inf for limit in limits])
    high = np.array([limit.max if limit else np.inf for limit in limits])
    fits = np.array([scale <= _FINE_MV for scale in scales])
    for part in spans(signal.shape):
        values = signal[part] / np.asarray(scales)
        fits &= (((values >= low) & (values <= high)) | (nullable & np.isnan(values))).all(axis=0)
    wide = np.dtype(np.float32)
    return [
        dtype if fit or limit is None else wide
        for dtype, fit, limit in zip(dtypes, fits, limits, strict=True)
    ]


def as_stored(values: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return numbers in a data type that holds them, integers rounded."""
    return (np.round(values) if dtype.kind in "iu" else values).astype(dtype)
