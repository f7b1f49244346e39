"""WFDB records in millivolts, with corrections of implausible baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ecgmodel.errors import HintNeededError, RecordError
from ecgmodel.wfdb.channels import Channel
from ecgmodel.wfdb.reading import StoredRecord, read_stored_record

_MOST_BITS = 32  # the widest WFDB format


@dataclass(frozen=True)
class Recording:
    """A record at its original rate.

    Attributes:
        name: Database and record, e.g. "mitdb/100".
        signal: `(samples, leads)` float64, mV; NaN where a sample is missing.
        fs: Sampling rate, Hz.
        leads: Unique names of the leads.
        adc_ranges: Lowest and highest value of each lead's ADC, mV; None where unknown.
        remarks: Corrections and omissions, for the manifest.
    """

    name: str
    signal: np.ndarray
    fs: float
    leads: tuple[str, ...]
    adc_ranges: tuple[tuple[float, float] | None, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Scaling:
    """How signals of a record become millivolts.

    Attributes:
        channels: The signals, all of one rate.
        scales: The ADC unit of each, mV.
        fs: Their sampling rate, Hz.
        leads: Their names.
        remarks: The signals of the record that are no voltages.
    """

    channels: tuple[Channel, ...]
    scales: tuple[float, ...]
    fs: float
    leads: tuple[str, ...]
    remarks: tuple[str, ...]

    def millivolts(self, digital: Sequence[np.ndarray]) -> np.ndarray:
        """Return samples in ADC units, one array per lead, as `(samples, leads)` in mV."""
        rows = zip(digital, self.channels, self.scales, strict=True)
        return np.stack([(values - c.baseline) * scale for values, c, scale in rows], axis=1)

    def adc_ranges(
        self, low: Sequence[float], high: Sequence[float]
    ) -> tuple[tuple[float, float] | None, ...]:
        """Return each lead's ADC range, mV, None where the samples exceed it or it is not stated.

        Args:
            low: The lowest sample of each lead, ADC units.
            high: The highest sample of each lead.
        """
        rows = zip(self.channels, self.scales, low, high, strict=True)
        return tuple(_adc_range(*row) for row in rows)


def read_recording(
    path: Path,
    name: str,
    start_s: float = 0.0,
    seconds: float | None = None,
    uncalibrated_gain: float | None = None,
) -> Recording:
    """Read a WFDB record in millivolts, with plausible baselines.

    The segments of a multi-segment record are joined. Leads in other units than volts (pressure,
    respiration) are omitted. A baseline further from a lead's median than the ADC zero is
    considered an error of the header, and replaced by the ADC zero; a baseline outside the range of
    the samples is replaced by the median. `scaling_of` does not correct the header.

    Args:
        path: The record's path without suffix.
        name: The record's name in errors, e.g. "mitdb/100".
        start_s: Start, s.
        seconds: Duration, s; None reads to the end.
        uncalibrated_gain: ADC units per mV where the header gives no gain or 0; None refuses such
            a lead.

    Raises:
        MissingFileError: A file of the record is missing.
        HintNeededError: The leads differ in rate, or one has no gain.
        RecordError: Header and data disagree, or no lead is in volts.
    """
    stored = read_stored_record(path, name, start_s, seconds)
    channels, remarks = [], []
    for channel in in_volts(stored):
        baseline, remark = _likely_baseline(channel)
        remarks.extend([f"{channel.name}: {remark}"] if remark else [])
        channels.append(replace(channel, baseline=baseline))
    scaling = scaling_of(stored, channels, uncalibrated_gain)
    samples = [channel.digital for channel in channels]
    return Recording(
        name=name,
        signal=scaling.millivolts(samples),
        fs=scaling.fs,
        leads=scaling.leads,
        adc_ranges=scaling.adc_ranges(lowest(samples), highest(samples)),
        remarks=(*scaling.remarks, *remarks),
    )


def in_volts(stored: StoredRecord) -> list[Channel]:
    """Return a record's signals in volts.

    Raises:
        RecordError: No signal is in volts.
    """
    found = [channel for channel in stored.channels if channel.mv_per_unit]
    if not found:
        raise RecordError(
            f"{stored.name} has no lead in volts. Its units are "
            f"{', '.join(repr(channel.unit) for channel in stored.channels)}. Leave the record out "
            "or correct its header."
        )
    return found


def scaling_of(
    stored: StoredRecord, channels: Sequence[Channel], uncalibrated_gain: float | None = None
) -> Scaling:
    """Return how some of a record's signals become millivolts, by gain and baseline.

    Args:
        stored: The record.
        channels: The signals, all in volts.
        uncalibrated_gain: ADC units per mV where the header gives no gain or 0; None refuses such
            a lead.

    Raises:
        HintNeededError: The leads differ in rate, or one has no gain.
    """
    leads = tuple(channel.name for channel in channels)
    rates = [channel.per_frame * stored.frame_fs for channel in channels]
    if len(set(rates)) > 1:
        each = (f"{lead} {fs:g} Hz" for lead, fs in zip(leads, rates, strict=True))
        raise HintNeededError(
            "--column",
            f"{stored.name}: its ECG leads have different sampling rates ({', '.join(each)}). "
            "Select the leads of one rate with --column, and clean each rate separately.",
        )
    return Scaling(
        channels=tuple(channels),
        scales=tuple(
            (channel.mv_per_unit or 1.0) / _gain(stored.name, channel, uncalibrated_gain)
            for channel in channels
        ),
        fs=rates[0],
        leads=leads,
        remarks=tuple(
            f"{channel.name}: omitted, its unit is {channel.unit}"
            for channel in stored.channels
            if not channel.mv_per_unit
        ),
    )


def lowest(samples: Sequence[np.ndarray]) -> list[float]:
    """Return each signal's smallest sample, infinity if all are missing."""
    return [float(np.fmin.reduce(values, initial=np.inf)) for values in samples]


def highest(samples: Sequence[np.ndarray]) -> list[float]:
    """Return each signal's largest sample, minus infinity if all are missing."""
    return [float(np.fmax.reduce(values, initial=-np.inf)) for values in samples]


def _gain(name: str, channel: Channel, uncalibrated: float | None) -> float:
    gain = channel.gain
    if gain and np.isfinite(gain) and gain > 0:
        return gain
    where = f"{name}, lead {channel.name}"
    if gain is not None and gain < 0:
        raise RecordError(f"{where}: the gain {gain} is negative. Correct the header.")
    if uncalibrated:
        return uncalibrated
    raise HintNeededError(
        "--gain",
        f"{where}: the header gives no gain (found {gain}), so the amplitude in mV is unknown. "
        "Give the ADC units per mV with --gain, in the pipeline with resample.uncalibrated_gain "
        "(WFDB's default is 200).",
    )


def _likely_baseline(channel: Channel) -> tuple[float, str]:
    """Return the ADC value of 0 mV, and a remark if it differs from the header's."""
    known = channel.digital[np.isfinite(channel.digital)]
    baseline, zero = channel.baseline, channel.zero
    if not len(known):
        return baseline, ""
    median = float(np.median(known))
    if zero is not None and abs(median - zero) < abs(median - baseline):
        return zero, f"baseline {baseline} is far from the samples, ADC zero {zero} used"
    if not known.min() <= baseline <= known.max() and known.max() > known.min():
        return median, f"baseline {baseline} is outside the samples' range, median {median:g} used"
    return baseline, ""


def _adc_range(
    channel: Channel, scale: float, least: float, most: float
) -> tuple[float, float] | None:
    bits, zero = channel.bits, channel.zero or 0
    if not 0 < bits <= _MOST_BITS or abs(zero) > 2**_MOST_BITS:
        return None
    half = 2 ** (bits - 1)
    low, high = zero - half, zero + half - 1
    if min(least, zero) < low or max(most, zero) > high:
        return None
    return (low - channel.baseline) * scale, (high - channel.baseline) * scale
