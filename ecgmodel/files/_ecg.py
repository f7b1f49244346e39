"""A recording read from any format, and the information that a user can add to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from math import isclose, isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import EcgError, RecordError, SettingsError
from ecgmodel.support.numbers import as_number
from ecgmodel.support.samples import Samples, spans, whole
from ecgmodel.support.units import millivolts

LOWEST_FS, HIGHEST_FS = 1.0, 100_000.0
MOST_LEADS = 256

_MOMENT = re.compile(r"([0-9]{8})([0-9]{2})?([0-9]{2})?([0-9]{2})?(\.[0-9]{1,6})?")

AdcRange = tuple[float, float] | None


@dataclass(frozen=True)
class Hints:
    """Information from the user about a file.

    It overrides the content of tables and arrays, but not the headers of WFDB, EDF and BDF.

    Attributes:
        fs: Sampling rate, Hz.
        unit: Unit of the ECG leads: mV, uV (or µV), V, nV.
        columns: Names or numbers (from 1) of the leads: columns of a table, channels, rows or
            columns of an array, arrays of an archive.
        time_column: Name or number (from 1) of the column of times.
        gain: ADC units per mV, for leads in ADC units: those without a unit or, in WFDB, without a
            gain.

    Raises:
        SettingsError: The rate, the unit or the gain is invalid, or both unit and gain are given.
    """

    fs: float | None = None
    unit: str | None = None
    columns: tuple[str | int, ...] = ()
    time_column: str | int | None = None
    gain: float | None = None

    def __post_init__(self) -> None:
        for name in ("fs", "gain"):
            number = as_number(getattr(self, name))
            object.__setattr__(self, name, getattr(self, name) if number is None else number)
        if self.unit is not None:
            object.__setattr__(self, "unit", str(self.unit))
        if self.fs is not None:
            _check_rate(self.fs, SettingsError, "")
        if self.unit is not None and millivolts(self.unit) is None:
            raise SettingsError(f"Expected a unit of mV, uV, V or nV. Received: {self.unit!r}.")
        if self.gain is not None and not (isfinite(self.gain) and self.gain > 0):
            raise SettingsError(
                f"Expected a gain above 0 ADC units per mV. Received: {self.gain:g}."
            )
        if self.gain is not None and self.unit is not None:
            raise SettingsError(
                f"Expected either a unit or a gain. Received: unit={self.unit}, gain={self.gain:g}."
            )

    @property
    def scale(self) -> float | None:
        """The unit in mV, None if it is not given."""
        return millivolts(self.unit)


@dataclass(frozen=True)
class Annotation:
    """An annotation.

    Attributes:
        at_s: Its time from the first sample, s.
        duration_s: Its duration, s; None for an instant.
        text: Its text; for beats, the WFDB symbol.
    """

    at_s: float
    duration_s: float | None
    text: str


@dataclass(frozen=True)
class Recording:
    """A recording whose samples may be larger than memory.

    Attributes:
        signal: `(samples, leads)` float64, mV; NaN where a sample is missing.
        fs: Sampling rate, Hz.
        leads: Names of the leads.
        adc_ranges: Lowest and highest value of each lead's ADC, mV; None where unknown.
        other: Names of the other channels and columns, which stay unchanged.
        remarks: Corrections and assumptions made while reading.
        start: Time of the first sample, None if unknown.
        annotations: Annotations to write in another format; its own format keeps its annotation
            files as they are.
        hints: The hints used for reading, needed to write the file back.
        declared: Whether each lead is an ECG by the user's word, the format's type or a full set
            of standard leads, whatever its samples look like; empty if all are.
    """

    signal: Samples
    fs: float
    leads: tuple[str, ...]
    adc_ranges: tuple[AdcRange, ...]
    other: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    start: datetime | None = None
    annotations: tuple[Annotation, ...] = ()
    hints: Hints = Hints()
    declared: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        number = as_number(self.fs)
        object.__setattr__(self, "fs", self.fs if number is None else number)


@dataclass(frozen=True)
class Ecg(Recording):
    """A recording in memory; see `Recording`."""

    signal: NDArray[np.float64]


def in_memory(recording: Recording) -> Ecg:
    """Return a recording with all its samples in memory."""
    values = {field.name: getattr(recording, field.name) for field in fields(recording)}
    return Ecg(**values | {"signal": whole(recording.signal)})


def check_ecg(ecg: Recording, path: Path) -> Recording:
    """Return a recording unchanged after a check of its rate, leads and samples.

    Raises:
        RecordError: The rate or the number of leads is out of range, or all samples are missing.
    """
    _check_rate(ecg.fs, RecordError, f"{path.name}: ")
    leads = ecg.signal.shape[1]
    if leads > MOST_LEADS:
        raise RecordError(
            f"{path.name}: expected at most {MOST_LEADS} leads. Received: {leads}. Select leads "
            "with --column."
        )
    if not any(np.isfinite(ecg.signal[part]).any() for part in spans(ecg.signal.shape)):
        raise RecordError(f"{path.name} contains no ECG samples. Leave it out.")
    return ecg


def check_shape(ecg: Recording, shape: tuple[int, ...], path: Path) -> None:
    """Check that a recording has the shape of its source.

    Raises:
        RecordError: The shapes differ.
    """
    if ecg.signal.shape != shape:
        raise RecordError(
            f"{path.name}: expected a signal of shape {shape}. Received: {ecg.signal.shape}."
        )


def check_rate(fs: float, path: Path) -> float:
    """Return a file's sampling rate, Hz, after a check of its range.

    Raises:
        RecordError: The rate is out of range.
    """
    _check_rate(fs, RecordError, f"{path.name}: ")
    return float(fs)


def header_rate_remark(fs: float, hints: Hints) -> tuple[str, ...]:
    """Return a remark if the rate of a header differs from that of the hints; the header wins."""
    if hints.fs in (None, fs):
        return ()
    return (f"the header's rate of {fs:g} Hz is used instead of {hints.fs:g} Hz",)


def table_rate_remark(told: float, state: Callable[[], float | None]) -> tuple[str, ...]:
    """Return a remark if the rate of a table differs from that of the hints; the hints win.

    Args:
        told: The rate of the hints, Hz.
        state: Returns the rate of the table; None or an error means that it is unknown.
    """
    try:
        fs = state()
    except (EcgError, ValueError):
        return ()
    if fs is None or isclose(fs, told, rel_tol=1e-6):
        return ()
    return (f"rate {told:g} Hz as given, the file states {fs:g} Hz",)


def read_moment(text: str) -> datetime | None:
    """Return a time as HL7 and DICOM write it, e.g. "20021122091000.000+0100"; None without one.

    The time zone is left out: the time is local.
    """
    found = _MOMENT.match(text.strip())
    if not found:
        return None
    day, *clock, part = found.groups()
    try:
        moment = datetime.strptime(day + "".join(each or "00" for each in clock), "%Y%m%d%H%M%S")
        return moment + timedelta(seconds=float(part or 0))
    except (ValueError, OverflowError):
        return None


def _check_rate(fs: float, error: type[RecordError | SettingsError], where: str) -> None:
    if not (isfinite(fs) and LOWEST_FS <= fs <= HIGHEST_FS):
        raise error(
            f"{where}expected a sampling rate of {LOWEST_FS:g} to {HIGHEST_FS:,.0f} Hz. "
            f"Received: {fs:g}."
        )
