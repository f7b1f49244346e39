"""Writing of WFDB records: cleaned records that keep their header, and new records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ecgmodel.errors import RecordError

if TYPE_CHECKING:
    from ecgmodel.wfdb.reading import Channel

# With this gain format 16 covers +-32 mV at 1 uV, finer than any ADC, so writing adds no noise.
# Larger values are written in 32 bits.
GAIN_PER_MV = 1000.0
WFDB_GAIN = 200.0  # WFDB's default for a header without a gain
_MISSING = {"16": -(2**15), "32": -(2**31)}
_LARGEST = {"16": 2**15 - 1, "32": 2**31 - 1}


@dataclass(frozen=True)
class _Lead:
    """A lead as it is written.

    Attributes:
        name: Its name, "" for none.
        digital: Samples in ADC units, NaN where missing.
        gain: ADC units per physical unit.
        unit: The physical unit.
        baseline: The ADC value of 0 physical units.
        per_frame: Samples per frame.
    """

    name: str
    digital: np.ndarray
    gain: float = GAIN_PER_MV
    unit: str = "mV"
    baseline: int = 0
    per_frame: int = 1


@dataclass(frozen=True)
class _Head:
    """The fields of a header that describe the whole record; see `StoredRecord`."""

    name: str
    frame_fs: float
    base_time: time | None
    base_date: date | None
    comments: Sequence[str]
    counter: str = ""


def write_cleaned(
    source: Path,
    cleaned: np.ndarray,
    comment: str,
    into: Path,
    leads: Sequence[str] | None = None,
) -> None:
    """Write a copy of a record with cleaned ECG leads.

    Names and order of the leads, units, rate, length, start time, counter and comments are kept,
    and so are the samples of other leads (pressure, respiration). The samples of all files or
    segments are written to one `.dat` file.

    Args:
        source: The source's path without suffix.
        cleaned: `(samples, ECG leads)`, mV, NaN where a sample is missing.
        comment: A line for the header that describes the processing.
        into: The folder for `<name>.hea` and `<name>.dat`.
        leads: Names of the cleaned leads as returned by `read_recording`; None means all leads in
            volts.

    Raises:
        RecordError: The number of samples or leads differs from the source's, or its header cannot
            be written again.
    """
    from ecgmodel.wfdb.millivolts import in_volts  # wfdb takes a second to import
    from ecgmodel.wfdb.reading import read_stored_record

    stored = read_stored_record(source, source.name)
    written = {channel.name: _kept(channel) for channel in stored.channels}
    by_name = {channel.name: channel for channel in stored.channels}
    ecg = in_volts(stored) if leads is None else [by_name[lead] for lead in leads]
    lengths = {len(channel.digital) for channel in ecg}
    if len(lengths) != 1 or cleaned.shape != (*lengths, len(ecg)):
        raise RecordError(
            f"{source.name}: expected a cleaned signal of shape {(*sorted(lengths), len(ecg))}. "
            f"Received: {cleaned.shape}."
        )
    for samples, channel in zip(cleaned.T, ecg, strict=True):
        adc_units = _to_adc_units(samples)
        gain = GAIN_PER_MV * (channel.mv_per_unit or 1.0)
        written[channel.name] = replace(
            written[channel.name], digital=adc_units, gain=gain, baseline=0
        )
    head = _Head(
        source.name,
        stored.frame_fs,
        stored.base_time,
        stored.base_date,
        (*stored.comments, f"# {comment}"),
        stored.counter,
    )
    _write(head, list(written.values()), into)


def write_signal(
    name: str,
    signal: np.ndarray,
    fs: float,
    leads: Sequence[str],
    comments: Sequence[str],
    start: datetime | None,
    into: Path,
) -> None:
    """Write a signal as a new record with a resolution of 1 uV.

    Args:
        name: The record's name.
        signal: `(samples, leads)`, mV, NaN where a sample is missing.
        fs: Its sampling rate, Hz.
        leads: Names of the leads.
        comments: Lines for the header.
        start: Time of the first sample, None if unknown.
        into: The folder for `<name>.hea` and `<name>.dat`.

    Raises:
        RecordError: The record cannot be written.
    """
    head = _Head(
        name,
        fs,
        start.time() if start else None,
        start.date() if start else None,
        [f"# {comment}" for comment in comments],
    )
    written = [_Lead(lead, _to_adc_units(v)) for lead, v in zip(leads, signal.T, strict=True)]
    _write(head, written, into)


def _write(head: _Head, leads: list[_Lead], into: Path) -> None:
    import wfdb

    fmt = _format(leads)
    digital = [_encoded(lead.digital, fmt) for lead in leads]
    several = any(lead.per_frame != 1 for lead in leads)
    samples: dict[str, Any] = (
        {"e_d_signal": digital, "samps_per_frame": [lead.per_frame for lead in leads]}
        if several
        else {"d_signal": np.stack(digital, axis=1)}
    )
    try:
        wfdb.wrsamp(
            head.name,
            fs=head.frame_fs,
            units=[lead.unit for lead in leads],
            sig_name=_names([lead.name for lead in leads]),
            fmt=[fmt] * len(leads),
            adc_gain=[lead.gain for lead in leads],
            baseline=[lead.baseline for lead in leads],
            base_time=head.base_time,
            base_date=head.base_date,
            write_dir=str(into),
            **samples,
        )
    except (ValueError, TypeError, IndexError) as error:
        raise RecordError(
            f"Record {head.name} cannot be written ({error}). Correct its header."
        ) from error
    _complete_header(into / f"{head.name}.hea", head)


def _complete_header(path: Path, head: _Head) -> None:
    """Add what wfdb cannot write: a counter that starts at or below 0, unchanged comments."""
    first, *rest = path.read_text("utf-8").splitlines()
    words = first.split(" ")
    words[2] += f"/{head.counter}" if head.counter else ""
    lines = [" ".join(words), *rest, *head.comments]
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def _kept(channel: Channel) -> _Lead:
    """Return a lead unchanged."""
    return _Lead(
        channel.name,
        channel.digital,
        channel.gain or WFDB_GAIN,
        channel.unit,
        int(channel.baseline),
        channel.per_frame,
    )


def _to_adc_units(lead: np.ndarray) -> np.ndarray:
    """Return a lead in mV as ADC units."""
    return np.round(lead.astype(np.float64) * GAIN_PER_MV)


def _format(leads: list[_Lead]) -> str:
    """Return the narrowest WFDB format that holds all leads."""
    largest = max(float(np.nanmax(np.abs(lead.digital), initial=0.0)) for lead in leads)
    return "16" if largest <= _LARGEST["16"] else "32"


def _encoded(digital: np.ndarray, fmt: str) -> np.ndarray:
    limit = _LARGEST[fmt]
    filled = np.where(np.isnan(digital), _MISSING[fmt], np.clip(digital, -limit, limit))
    return filled.astype(np.int64)


def _names(names: list[str]) -> list[str]:
    """Return the leads' names; missing and duplicate names get the lead's number.

    Non-printable characters become "_", since a header cannot contain them.
    """
    from ecgmodel.wfdb.reading import unique

    return unique(["".join(c if c.isprintable() else "_" for c in n).strip() for n in names])
