"""NumPy's `.npy`: one array, `(samples,)`, `(samples, leads)` or `(leads, samples)`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.files._arrays import find_leads, read_shape, read_values, with_leads
from ecgmodel.files._ecg import Ecg, Hints, check_shape
from ecgmodel.files._limits import check_file
from ecgmodel.files._rates import ask_rate

LABEL = "NumPy array"
SUFFIXES = (".npy",)


def read(path: Path, hints: Hints) -> Ecg:
    """Read an array; the hints must contain the rate. See `ecgmodel.files.read_ecg`.

    Raises:
        HintNeededError: Rate or unit are unknown.
        RecordError: The file is not an array of numbers, or is truncated.
    """
    array = _array(path)
    if hints.fs is None:
        raise ask_rate(path)
    leads = find_leads(array, (), None, hints, path)
    return Ecg(
        signal=leads.scaled.signal,
        fs=hints.fs,
        leads=leads.names,
        adc_ranges=(None,) * len(leads.names),
        other=leads.other,
        remarks=leads.remarks,
        hints=hints,
    )


def rewrite(source: Path, ecg: Ecg, into: Path, comment: str) -> None:
    """Write an array of the same shape and type with other samples; comments are not supported.

    Integers with a unit above 1 uV become float32.
    """
    array = _array(source)
    leads = find_leads(array, (), None, ecg.hints, source)
    check_shape(ecg, leads.scaled.signal.shape, source)
    np.save(into / source.name, with_leads(array, leads, ecg.signal), allow_pickle=False)


def write(name: str, ecg: Ecg, into: Path, comment: str) -> None:
    """Write `(samples, leads)` float64 in mV; the format cannot store the rate."""
    np.save(into / f"{name}.npy", ecg.signal, allow_pickle=False)


def _array(path: Path) -> NDArray[Any]:
    size = check_file(path)
    with path.open("rb") as file:
        shape = read_shape(file, path)
        return read_values(file, shape, size, path)
