"""NumPy arrays in files: the header is checked before reading, and nothing is unpickled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import RecordError
from ecgmodel.files._amplitude import Scaled, to_millivolts
from ecgmodel.files._channels import find_columns
from ecgmodel.files._ecg import MOST_LEADS, Hints
from ecgmodel.files._limits import HEADER_BYTES

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
    data = file.read(expected)
    if len(data) != expected:
        raise RecordError(
            f"{path.name} is truncated after {len(data):,} of {expected:,} bytes. Obtain the file "
            "again."
        )
    array = np.frombuffer(data, shape.dtype)
    return array.reshape(shape.shape, order="F" if shape.fortran else "C")


@dataclass(frozen=True)
class Leads:
    """The leads in an array.

    Attributes:
        rows: Whether the leads are the array's rows.
        places: Indices of their rows or columns.
        scaled: The leads in mV.
        names: Names of the leads.
        other: Names of the other rows or columns.
        remarks: Assumptions and corrections.
    """

    rows: bool
    places: tuple[int, ...]
    scaled: Scaled
    names: tuple[str, ...]
    other: tuple[str, ...]
    remarks: tuple[str, ...]


def find_leads(
    array: NDArray[Any],
    names: tuple[str, ...],
    unit: str | None,
    hints: Hints,
    path: Path,
) -> Leads:
    """Return the leads of an array `(samples,)`, `(samples, leads)` or `(leads, samples)`.

    The longer axis is time.

    Raises:
        RecordError: The array has another shape, or contains no numbers.
        HintNeededError: The unit is unknown.
    """
    if array.ndim not in (1, 2) or not array.size:
        raise RecordError(
            f"{path.name}: expected an array (samples,), (samples, leads) or (leads, samples). "
            f"Received: {array.shape}. Save one recording per file."
        )
    if array.dtype.kind not in "iuf":
        raise RecordError(
            f"{path.name}: expected integers or real numbers. Received: {array.dtype}. Save the "
            "leads as float32 or int16, for example."
        )
    table = array[:, None] if array.ndim == 1 else array
    short, long = sorted(table.shape)
    if (short == long and short > 1) or short > MOST_LEADS:
        raise RecordError(
            f"{path.name}: expected at most {MOST_LEADS} leads, and more samples than leads. "
            f"Received: {array.shape}. Save one recording per file."
        )
    rows = table.shape[0] < table.shape[1]
    table = table.T if rows else table
    known = names if len(names) == short else tuple(f"lead {i + 1}" for i in range(short))
    places = find_columns(known, hints.columns, path) if hints.columns else tuple(range(short))
    leads = tuple(known[i] for i in places)
    scaled = to_millivolts(table[:, list(places)], [unit] * len(places), leads, hints, path)
    remarks = (f"rows taken as leads: {array.shape}",) if rows else ()
    other = tuple(name for i, name in enumerate(known) if i not in places)
    return Leads(rows, places, scaled, leads, other, (*remarks, *scaled.remarks))


def with_leads(array: NDArray[Any], leads: Leads, signal: NDArray[np.float64]) -> NDArray[Any]:
    """Return a copy of an array with other samples `(samples, leads)`, mV, in its leads.

    It keeps the data type if possible, see `as_stored`.
    """
    scales = leads.scaled.scales
    new = as_stored(signal / np.asarray(scales), array.dtype, max(scales))
    made = np.array(array, dtype=new.dtype, order="K")
    table = made[:, None] if made.ndim == 1 else made.T if leads.rows else made
    table[:, list(leads.places)] = new
    return made


def as_stored(values: NDArray[np.float64], dtype: np.dtype[Any], scale: float) -> NDArray[Any]:
    """Return numbers in a data type; as float32 if it is an integer type that is too coarse.

    Args:
        values: Samples in the file's unit.
        dtype: The file's data type.
        scale: The file's unit, mV.
    """
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        fits = np.isfinite(values) & (values >= limits.min) & (values <= limits.max)
        if scale > _FINE_MV or not fits.all():
            return values.astype(np.float32)
        values = np.round(values)
    return values.astype(dtype)
