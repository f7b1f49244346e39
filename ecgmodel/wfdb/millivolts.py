"""A WFDB record read as physical millivolts, with what its header says and what it gets wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ecgmodel.errors import HintNeededError, RecordError
from ecgmodel.wfdb.reading import Channel, StoredRecord, read_stored_record

_MOST_BITS = 32  # the widest WFDB format


@dataclass(frozen=True)
class Recording:
    """A record at its original rate.

    Attributes:
        name: Database and record, e.g. "mitdb/100".
        signal: `(samples, leads)` float64, mV; NaN where the record marks a sample as missing.
        fs: Sampling rate, Hz.
        leads: Names of the leads, made unique.
        rails: Per lead, the lowest and highest value its converter can give, mV; None if unknown.
        remarks: What was put right while reading, for the manifest.
    """

    name: str
    signal: np.ndarray
    fs: float
    leads: tuple[str, ...]
    rails: tuple[tuple[float, float] | None, ...]
    remarks: tuple[str, ...]


def read_recording(
    path: Path,
    name: str,
    start_s: float = 0.0,
    seconds: float | None = None,
    uncalibrated_gain: float | None = None,
) -> Recording:
    """Read a WFDB record of a database in millivolts, with a baseline that is likely.

    The segments of a record that joins others are read as one. Leads in other units than volts
    (pressure, respiration) are left out. A baseline further from a lead's median than the
    converter's zero is taken for a slip, and the converter's zero takes its place; one that is
    never reached gives way to the median. `in_millivolts` takes the header at its word.

    Args:
        path: The record's path without suffix.
        name: What to call it in errors, e.g. "mitdb/100".
        start_s: Where to start, s.
        seconds: How much to read, s; None reads to the end.
        uncalibrated_gain: Converter steps per mV to assume where the header gives none or 0;
            None refuses such a lead.

    Raises:
        MissingFileError: A file of the record is not there.
        RecordError: Header and data disagree, no lead is an ECG in known units, or leads differ
            in rate.
    """
    stored = read_stored_record(path, name, start_s, seconds)
    channels, remarks = [], []
    for channel in in_volts(stored):
        baseline, remark = _likely_baseline(channel)
        remarks.extend([f"{channel.name}: {remark}"] if remark else [])
        channels.append(replace(channel, baseline=baseline))
    found = in_millivolts(stored, channels, uncalibrated_gain)
    return replace(found, remarks=(*found.remarks, *remarks))


def in_volts(stored: StoredRecord) -> list[Channel]:
    """Return a record's signals that are voltages.

    Raises:
        RecordError: There is none.
    """
    found = [channel for channel in stored.channels if channel.mv_per_unit]
    if not found:
        raise RecordError(
            f"{stored.name} has no lead in volts; its units are "
            f"{[channel.unit for channel in stored.channels]}. Leave the record out, or correct "
            "its header."
        )
    return found


def in_millivolts(
    stored: StoredRecord, channels: Sequence[Channel], uncalibrated_gain: float | None = None
) -> Recording:
    """Return some of a record's signals in millivolts, as its header says.

    Args:
        stored: The record.
        channels: Some of its signals that are voltages.
        uncalibrated_gain: Converter steps per mV to assume where the header gives none or 0;
            None refuses such a lead.

    Raises:
        HintNeededError: The leads differ in rate, or one has no gain.
    """
    leads = tuple(channel.name for channel in channels)
    rates = [channel.per_frame * stored.frame_fs for channel in channels]
    if len(set(rates)) > 1:
        each = (f"{lead} {fs:g} Hz" for lead, fs in zip(leads, rates, strict=True))
        raise HintNeededError(
            "--column",
            f"{stored.name}: its ECG leads have different rates ({', '.join(each)}); they are "
            "cleaned one rate at a time. Name the leads of one rate by --column.",
        )
    physical, rails = [], []
    for channel in channels:
        scale = (channel.mv_per_unit or 1.0) / _gain(stored.name, channel, uncalibrated_gain)
        physical.append((channel.steps - channel.baseline) * scale)
        rails.append(_rails(channel, scale))
    return Recording(
        name=stored.name,
        signal=np.stack(physical, axis=1),
        fs=rates[0],
        leads=leads,
        rails=tuple(rails),
        remarks=tuple(
            f"{channel.name}: left out, its unit is {channel.unit}"
            for channel in stored.channels
            if not channel.mv_per_unit
        ),
    )


def _gain(name: str, channel: Channel, uncalibrated: float | None) -> float:
    gain = channel.gain
    if gain and np.isfinite(gain) and gain > 0:
        return gain
    where = f"{name}, lead {channel.name}"
    if gain is not None and gain < 0:
        raise RecordError(f"{where}: gain {gain} is negative. Correct the header.")
    if uncalibrated:
        return uncalibrated
    raise HintNeededError(
        "--gain",
        f"{where}: the header gives no gain (found {gain}), so its millivolts are "
        "unknown. Say by --gain how many steps a mV has (200 is the WFDB default); in a pipeline "
        "by resample.uncalibrated_gain.",
    )


def _likely_baseline(channel: Channel) -> tuple[float, str]:
    """Return the converter value of 0 mV, and a remark if it is not what the header says."""
    there = channel.steps[np.isfinite(channel.steps)]
    baseline, zero = channel.baseline, channel.zero
    if not len(there):
        return baseline, ""
    median = float(np.median(there))
    if zero is not None and abs(median - zero) < abs(median - baseline):
        return zero, f"baseline {baseline} is far from the samples, adc zero {zero} used"
    if not there.min() <= baseline <= there.max() and there.max() > there.min():
        return median, f"baseline {baseline} is never reached, median {median:g} used"
    return baseline, ""


def _rails(channel: Channel, scale: float) -> tuple[float, float] | None:
    """Return the converter's range in mV, None where it is not stated or the samples leave it."""
    bits, zero = channel.bits, channel.zero or 0
    if not 0 < bits <= _MOST_BITS or abs(zero) > 2**_MOST_BITS:
        return None
    half = 2 ** (bits - 1)
    low, high = zero - half, zero + half - 1
    there = channel.steps[np.isfinite(channel.steps)]
    if there.min(initial=zero) < low or there.max(initial=zero) > high:
        return None
    return (low - channel.baseline) * scale, (high - channel.baseline) * scale
