"""NumPy's arrays on disk: looked at before they are read, and never unpickled."""

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

# Whole microvolts are finer than converters' steps; coarser whole numbers become float32.
_FINE_MV = 1e-3


@dataclass(frozen=True)
class ArrayShape:
    """An array's header.

    Attributes:
        shape: Of the array.
        fortran: Whether its columns lie together.
        dtype: Of its numbers.
        offset: Bytes before them.
    """

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int

    @property
    def values(self) -> int:
        """How many numbers it holds."""
        count = 1
        for length in self.shape:
            count *= length
        return count

    @property
    def is_numeric(self) -> bool:
        """Whether it holds whole or real numbers."""
        return self.dtype.kind in "iuf" and self.dtype.itemsize <= 8


def read_shape(file: IO[bytes], path: Path) -> ArrayShape:
    """Read an array's header, at the start of a file.

    Raises:
        RecordError: It is none.
    """
    try:
        version = np.lib.format.read_magic(file)
        reading = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = reading(file, max_header_size=HEADER_BYTES // 256)
    except Exception as error:  # it is parsed as Python: anything can be raised
        raise RecordError(
            f"{path.name}: expected an array of NumPy. Its header cannot be read ({error!r})."
        ) from error
    return ArrayShape(tuple(int(n) for n in shape), bool(fortran), dtype, file.tell())


def read_values(file: IO[bytes], shape: ArrayShape, size: int, path: Path) -> NDArray[Any]:
    """Read an array's numbers, after its header.

    Args:
        file: Behind the header.
        shape: What the header says.
        size: Bytes of header and numbers that there are.
        path: The file, for errors.

    Raises:
        RecordError: There are fewer or more than the header says, or they are Python objects.
    """
    if shape.dtype.hasobject:
        raise RecordError(
            f"{path.name} holds Python objects (dtype {shape.dtype}), which can run any code when "
            "they are read. Save numbers: np.save(..., allow_pickle=False)."
        )
    expected = shape.values * shape.dtype.itemsize
    if min(shape.shape, default=1) < 0 or expected != size - shape.offset:
        raise RecordError(
            f"{path.name}: its header says {shape.shape} of {shape.dtype}, {expected:,} bytes. "
            f"Received {size - shape.offset:,}: it is cut off or damaged. Get it again."
        )
    data = file.read(expected)
    if len(data) != expected:
        raise RecordError(f"{path.name} is cut off after {len(data):,} bytes. Get it again.")
    array = np.frombuffer(data, shape.dtype)
    return array.reshape(shape.shape, order="F" if shape.fortran else "C")


@dataclass(frozen=True)
class Leads:
    """The leads in an array.

    Attributes:
        rows: Whether a lead is a row of the array.
        places: Which rows or columns.
        scaled: The leads in mV.
        names: Of the leads.
        other: Names of the rows or columns that are none.
        remarks: What was taken for granted.
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

    The longer side is the time, as long as the shorter one can be leads.

    Raises:
        RecordError: It has another shape or holds no numbers.
        HintNeededError: The unit is not told.
    """
    if array.ndim not in (1, 2) or not array.size:
        raise RecordError(
            f"{path.name}: expected an array (samples,), (samples, leads) or (leads, samples). "
            f"Received: {array.shape}. Save one recording a file."
        )
    if array.dtype.kind not in "iuf":
        raise RecordError(
            f"{path.name}: expected whole or real numbers. Received: {array.dtype}. Save the leads "
            "as float32 or int16, say."
        )
    table = array[:, None] if array.ndim == 1 else array
    short, long = sorted(table.shape)
    if (short == long and short > 1) or short > MOST_LEADS:
        raise RecordError(
            f"{path.name}: expected at most {MOST_LEADS} leads, and more samples than leads. "
            f"Received: {array.shape}."
        )
    rows = table.shape[0] < table.shape[1]
    table = table.T if rows else table
    known = names if len(names) == short else tuple(f"lead {i + 1}" for i in range(short))
    places = find_columns(known, hints.columns, path) if hints.columns else tuple(range(short))
    leads = tuple(known[i] for i in places)
    scaled = to_millivolts(table[:, list(places)], [unit] * len(places), leads, hints, path)
    remarks = (f"its rows are the leads: {array.shape}",) if rows else ()
    other = tuple(name for i, name in enumerate(known) if i not in places)
    return Leads(rows, places, scaled, leads, other, (*remarks, *scaled.remarks))


def with_leads(array: NDArray[Any], leads: Leads, signal: NDArray[np.float64]) -> NDArray[Any]:
    """Return an array with other leads `(samples, leads)`, of its type if that holds them.

    See `as_stored`.
    """
    scales = leads.scaled.scales
    new = as_stored(signal / np.asarray(scales), array.dtype, max(scales))
    made = np.array(array, dtype=new.dtype, order="K")
    table = made[:, None] if made.ndim == 1 else made.T if leads.rows else made
    table[:, list(leads.places)] = new
    return made


def as_stored(values: NDArray[np.float64], dtype: np.dtype[Any], scale: float) -> NDArray[Any]:
    """Return numbers of a type, if whole ones are fine enough for them; else as float32.

    Args:
        values: In the file's unit.
        dtype: The file's type.
        scale: How many mV the unit is.
    """
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        fits = np.isfinite(values) & (values >= limits.min) & (values <= limits.max)
        if scale > _FINE_MV or not fits.all():
            return values.astype(np.float32)
        values = np.round(values)
    return values.astype(dtype)
