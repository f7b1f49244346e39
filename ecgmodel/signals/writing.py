"""A cleaned recording written as the record that it was: name, leads, rate, length, units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from ecgmodel.errors import RecordError
from ecgmodel.signals.units import MILLIVOLTS

# Format 16 holds +-32 mV in steps of 1 uV: finer than any converter's, so that writing adds no
# noise. What does not fit goes into 32 bits.
GAIN_PER_MV = 1000.0
_MISSING = {"16": -(2**15), "32": -(2**31)}
_LARGEST = {"16": 2**15 - 1, "32": 2**31 - 1}


@dataclass(frozen=True)
class _Lead:
    """A lead as it is written: converter steps (NaN where missing), gain and baseline."""

    steps: np.ndarray
    gain: float
    baseline: int


def write_cleaned(
    source: Path,
    cleaned: np.ndarray,
    comment: str,
    into: Path,
    columns: Sequence[int] | None = None,
) -> None:
    """Write a record like another one, with cleaned ECG leads.

    Names and order of the leads, units, rate, length, time of start and comments are the
    source's; leads that are no ECG (pressure, respiration) are kept sample by sample. The samples
    of several files or segments come into one `.dat` file.

    Args:
        source: The source's path without suffix.
        cleaned: `(samples, ECG leads)`, mV, NaN where a sample is missing; the ECG leads are
            those of `read_recording`, in its order.
        comment: A line for the header that says what was done.
        into: The folder for `<name>.hea` and `<name>.dat`.
        columns: Which of the ECG leads these are; None for all of them. The others are kept
            sample by sample.

    Raises:
        RecordError: The samples or leads are not as many as the source's, or its header cannot
            be written again.
    """
    from ecgmodel.signals.records import read_joined  # wfdb takes a second to import

    record = read_joined(source)
    scales = [MILLIVOLTS.get((unit or "mV").strip().lower()) for unit in record.units]
    ecg = [index for index, scale in enumerate(scales) if scale]
    ecg = ecg if columns is None else [ecg[column] for column in columns]
    if cleaned.shape != (len(record.d_signal), len(ecg)):
        raise RecordError(
            f"{source.name}: expected a cleaned signal of shape {(len(record.d_signal), len(ecg))}."
            f" Received: {cleaned.shape}."
        )
    leads = [_kept(record, index) for index in range(record.n_sig)]
    for column, index in enumerate(ecg):
        leads[index] = _cleaned(cleaned[:, column], scales[index] or 1.0)
    _write(source.name, record, leads, [*_comments(record), comment], into)


def write_signal(
    name: str,
    signal: np.ndarray,
    fs: float,
    leads: Sequence[str],
    comments: Sequence[str],
    start: datetime | None,
    into: Path,
) -> None:
    """Write a signal as a new record, in steps of 1 uV.

    Args:
        name: The record's name.
        signal: `(samples, leads)`, mV, NaN where a sample is missing.
        fs: Its sampling rate, Hz.
        leads: Names of the leads.
        comments: Lines for the header.
        start: When the first sample was taken, None if unknown.
        into: The folder for `<name>.hea` and `<name>.dat`.

    Raises:
        RecordError: It cannot be written.
    """
    record = SimpleNamespace(
        fs=fs,
        units=["mV"] * len(leads),
        sig_name=list(leads),
        base_time=start.time() if start else None,
        base_date=start.date() if start else None,
    )
    _write(name, record, [_cleaned(lead, 1.0) for lead in signal.T], list(comments), into)


def _write(name: str, record: Any, leads: list[_Lead], comments: list[str], into: Path) -> None:
    import wfdb

    fmt = _format(leads)
    try:
        wfdb.wrsamp(
            name,
            fs=record.fs,
            units=[(unit or "mV").strip() for unit in record.units],
            sig_name=_names(record.sig_name),
            d_signal=_digital(leads, fmt),
            fmt=[fmt] * len(leads),
            adc_gain=[lead.gain for lead in leads],
            baseline=[lead.baseline for lead in leads],
            comments=comments,
            base_time=record.base_time,
            base_date=record.base_date,
            write_dir=str(into),
        )
    except (ValueError, TypeError, IndexError) as error:
        raise RecordError(
            f"{name}: the record cannot be written ({error}). Correct its header."
        ) from error


def _comments(record: Any) -> list[str]:
    return [comment for comment in record.comments or () if comment.strip()]


def _kept(record: Any, index: int) -> _Lead:
    """Return a lead as it is."""
    steps = record.d_signal[:, index].astype(np.float64)
    steps[np.isnan(record.dac()[:, index])] = np.nan
    return _Lead(steps, float(record.adc_gain[index]), int(record.baseline[index]))


def _cleaned(lead: np.ndarray, mv_per_unit: float) -> _Lead:
    """Return a cleaned lead (mV) as converter steps; its gain is in steps per the header's unit."""
    return _Lead(np.round(lead.astype(np.float64) * GAIN_PER_MV), GAIN_PER_MV * mv_per_unit, 0)


def _format(leads: list[_Lead]) -> str:
    """Return the narrowest WFDB format that holds all leads."""
    largest = max(float(np.nanmax(np.abs(lead.steps), initial=0.0)) for lead in leads)
    return "16" if largest <= _LARGEST["16"] else "32"


def _digital(leads: list[_Lead], fmt: str) -> np.ndarray:
    steps = np.stack([lead.steps for lead in leads], axis=1)
    limit = _LARGEST[fmt]
    filled = np.where(np.isnan(steps), _MISSING[fmt], np.clip(steps, -limit, limit))
    return filled.astype(np.int64)


def _names(names: list[str | None]) -> list[str]:
    """Return the leads' names; one that is missing or comes twice gets its number.

    Letters that do not print become "_", since a header cannot hold them.
    """
    plain = ["".join(c if c.isprintable() else "_" for c in name or "").strip() for name in names]
    given = [name or f"lead{i + 1}" for i, name in enumerate(plain)]
    return [n if given.count(n) == 1 else f"{n}_{i + 1}" for i, n in enumerate(given)]
