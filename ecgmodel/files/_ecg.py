"""What a file of any format is read as, and what its user can say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import isclose, isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import EcgError, RecordError, SettingsError
from ecgmodel.support.units import millivolts

LOWEST_FS, HIGHEST_FS = 1.0, 100_000.0
MOST_LEADS = 256

Rails = tuple[float, float] | None


@dataclass(frozen=True)
class Hints:
    """What the user says where a file does not.

    It goes before what a table or an array says, and after the header of WFDB, EDF and BDF.

    Attributes:
        fs: Sampling rate, Hz.
        unit: Unit of the ECG leads: mV, uV (or µV), V, nV.
        gain: A converter's steps per mV, of leads that are such steps: those without a unit or,
            in WFDB, without a gain.
        columns: Names or numbers (from 1) of the leads: columns of a table, channels, rows or
            columns of an array, arrays of an archive.
        time_column: Name or number (from 1) of the column of times.

    Raises:
        SettingsError: The rate, the unit or the gain has no meaning, or there are both of these.
    """

    fs: float | None = None
    unit: str | None = None
    columns: tuple[str | int, ...] = ()
    time_column: str | int | None = None
    gain: float | None = None

    def __post_init__(self) -> None:
        if self.fs is not None:
            _check_rate(self.fs, SettingsError, "")
        if self.unit is not None and millivolts(self.unit) is None:
            raise SettingsError(f"Expected a unit of mV, uV, V or nV. Received: {self.unit!r}.")
        if self.gain is not None and not (isfinite(self.gain) and self.gain > 0):
            raise SettingsError(f"Expected a gain above 0 steps per mV. Received: {self.gain:g}.")
        if self.gain is not None and self.unit is not None:
            raise SettingsError(
                f"Expected a unit or a gain. Received: unit={self.unit}, gain={self.gain:g}."
            )

    @property
    def scale(self) -> float | None:
        """How many mV the unit is, None where none is given."""
        return millivolts(self.unit)


@dataclass(frozen=True)
class Annotation:
    """An annotation.

    Attributes:
        at_s: Where it is, s from the first sample.
        duration_s: How long, s; None for a moment.
        text: What it says; of beats, their WFDB symbol.
    """

    at_s: float
    duration_s: float | None
    text: str


@dataclass(frozen=True)
class Ecg:
    """A recording.

    Attributes:
        signal: `(samples, leads)` float64, mV; NaN where a sample is missing.
        fs: Sampling rate, Hz.
        leads: Names of the leads.
        rails: Per lead, the lowest and highest value that its converter gives, mV; None if
            unknown.
        other: Names of the channels and columns that are no ECG lead; they are kept as they are.
        remarks: What was put right or taken for granted while reading.
        start: When the first sample was taken, None if unknown.
        marks: Annotations, for a format that holds some; the same format keeps all of its own.
        hints: What the user said, so that it is written as it was read.
    """

    signal: NDArray[np.float64]
    fs: float
    leads: tuple[str, ...]
    rails: tuple[Rails, ...]
    other: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    start: datetime | None = None
    marks: tuple[Annotation, ...] = ()
    hints: Hints = Hints()


def check_ecg(ecg: Ecg, path: Path) -> Ecg:
    """Return a recording as it was read, if it can be one.

    Raises:
        RecordError: Its rate, its number of leads or its samples say nothing.
    """
    _check_rate(ecg.fs, RecordError, f"{path.name}: ")
    samples, leads = ecg.signal.shape
    if leads > MOST_LEADS:
        raise RecordError(
            f"{path.name}: expected at most {MOST_LEADS} leads. Received: {leads}. Name those to "
            "clean by --column."
        )
    if not samples or not np.isfinite(ecg.signal).any():
        raise RecordError(f"{path.name} holds no samples of an ECG. Leave it out.")
    return ecg


def check_shape(ecg: Ecg, shape: tuple[int, ...], path: Path) -> None:
    """Raise an error where a recording is not of the shape that its source has.

    Raises:
        RecordError: It is not.
    """
    if ecg.signal.shape != shape:
        raise RecordError(
            f"{path.name}: expected a signal of shape {shape}. Received: {ecg.signal.shape}."
        )


def check_rate(fs: float, path: Path) -> float:
    """Return a sampling rate that a file states.

    Raises:
        RecordError: It is no number or none that an ECG can have.
    """
    _check_rate(fs, RecordError, f"{path.name}: ")
    return float(fs)


def unheard(fs: float, hints: Hints) -> tuple[str, ...]:
    """Return a remark where a header's rate is not the one that the user says."""
    if hints.fs in (None, fs):
        return ()
    return (f"its header's rate is used, {fs:g} Hz, not {hints.fs:g} Hz",)


def overruled(told: float, state: Callable[[], float | None]) -> tuple[str, ...]:
    """Return a remark where a table's own rate is not the one that the user says, which counts.

    Args:
        told: What the user says.
        state: Returns what the table says; None or an error of its is nothing.
    """
    try:
        fs = state()
    except (EcgError, ValueError):
        return ()
    if fs is None or isclose(fs, told, rel_tol=1e-6):
        return ()
    return (f"{told:g} Hz as told, where it says {fs:g} Hz",)


def _check_rate(fs: float, error: type[RecordError | SettingsError], where: str) -> None:
    if not (isfinite(fs) and LOWEST_FS <= fs <= HIGHEST_FS):
        raise error(
            f"{where}expected a sampling rate of {LOWEST_FS:g} to {HIGHEST_FS:,.0f} Hz. "
            f"Received: {fs:g}."
        )
