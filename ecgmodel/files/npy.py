"""NumPy's `.npy`: one array, `(samples,)`, `(samples, leads)` or `(leads, samples)`."""

from __future__ import annotations

from pathlib import Path

from ecgmodel.files._arrays import (
    ArrayFile,
    check_size,
    find_leads,
    read_shape,
    write_array,
    write_new,
)
from ecgmodel.files._ecg import Hints, Recording, check_shape
from ecgmodel.files._limits import check_file
from ecgmodel.files._rates import ask_rate

LABEL = "NumPy array"
SUFFIXES = (".npy",)


def read(path: Path, hints: Hints) -> Recording:
    """Read an array; the hints must contain the rate. See `ecgmodel.files.read_ecg`.

    Raises:
        HintNeededError: Rate or unit are unknown.
        RecordError: The file is not an array of numbers, or is truncated.
    """
    array = _array(path)
    if hints.fs is None:
        raise ask_rate(path)
    leads = find_leads(array, (), None, hints, path)
    return Recording(
        signal=leads.scaled.signal,
        fs=hints.fs,
        leads=leads.names,
        adc_ranges=(None,) * len(leads.names),
        other=leads.other,
        remarks=leads.remarks,
        hints=hints,
        declared=leads.declared,
    )


def rewrite(source: Path, ecg: Recording, into: Path, comment: str) -> None:
    """Write an array of the same shape and type with other samples; comments are not supported.

    Integers with a unit above 1 uV become float32.
    """
    array = _array(source)
    leads = find_leads(array, (), None, ecg.hints, source)
    check_shape(ecg, leads.scaled.signal.shape, source)
    with (into / source.name).open("w+b") as file:
        write_array(file, array, leads, ecg.signal)


def write(name: str, ecg: Recording, into: Path, comment: str) -> None:
    """Write `(samples, leads)` float64 in mV; the format cannot store the rate."""
    with (into / f"{name}.npy").open("wb") as file:
        write_new(file, ecg.signal)


def _array(path: Path) -> ArrayFile:
    size = check_file(path)
    file = path.open("rb")
    shape = read_shape(file, path)
    check_size(shape, size, path)
    return ArrayFile(file, shape, path)
