"""EDF and EDF+: channels of 16 bits, as sleep laboratories and Holters write them."""

from __future__ import annotations

from pathlib import Path

from ecgmodel.files._ecg import Hints, Recording
from ecgmodel.files._edf import read_ecg_of, rewrite_as
from ecgmodel.files._edf_layout import EDF

LABEL = "EDF and EDF+"
SUFFIXES = (".edf",)


def read(path: Path, hints: Hints) -> Recording:
    """Read a file. See `ecgmodel.files._edf.read_ecg_of`."""
    return read_ecg_of(path, hints, EDF)


def rewrite(source: Path, ecg: Recording, into: Path, comment: str) -> None:
    """Write it with other leads. See `ecgmodel.files._edf.rewrite_as`."""
    rewrite_as(source, ecg, into, comment, EDF)


def write(name: str, ecg: Recording, into: Path, comment: str) -> None:
    """Write a new file. See `ecgmodel.files._edf_new.write_new`."""
    from ecgmodel.files._edf_new import write_new  # edfio is not needed to read

    write_new(name, ecg, into, comment, EDF)
