"""A WFDB record read as physical millivolts, with what its header says and what it gets wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import wfdb

from ecgmodel.errors import HintNeededError, MissingFileError, RecordError
from ecgmodel.signals.units import MILLIVOLTS

_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?")
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
    """Read a WFDB record in millivolts.

    The segments of a record that joins others are read as one. Leads in other units than volts
    (pressure, respiration) are left out. A baseline further
    from a lead's median than the converter's zero is taken for a slip, and the converter's zero
    takes its place; one that is never reached gives way to the median.

    Args:
        path: The record's path without suffix.
        name: What to call it in errors, e.g. "mitdb/100".
        start_s: Where to start, s.
        seconds: How much to read, s; None reads to the end.
        uncalibrated_gain: Converter steps per mV to assume where the header gives none or 0;
            None refuses such a lead.

    Raises:
        MissingFileError: A file of the record is not there.
        RecordError: Header and data disagree, or no lead is an ECG in known units.
    """
    header = read_header(path, name)
    first, last = _range(header, name, start_s, seconds)
    record = _read_digital(path, name, header, first, last)
    digital = _with_gaps(record)
    if isinstance(header, wfdb.MultiRecord):
        path = path.with_name(header.seg_name[0])
        header = _joined_header(path, name, record)
    gains = _header_gains(path)
    physical, leads, rails, remarks = [], [], [], []
    for index, lead in enumerate(_unique(header.sig_name, header.n_sig)):
        unit = (header.units[index] or "mV").strip()
        if unit.lower() not in MILLIVOLTS:
            remarks.append(f"{lead}: left out, its unit is {unit}")
            continue
        gain = _gain(name, lead, gains[index], header.adc_gain[index], uncalibrated_gain)
        scale = MILLIVOLTS[unit.lower()] / gain
        samples = digital[:, index]
        baseline, remark = _baseline(samples, header.baseline[index], header.adc_zero[index])
        remarks.extend([f"{lead}: {remark}"] if remark else [])
        physical.append((samples - baseline) * scale)
        leads.append(lead)
        rails.append(_rails(header, index, samples, baseline, scale))
    if not physical:
        raise RecordError(
            f"{name} has no lead in volts; its units are {header.units}. "
            "Leave the record out, or correct its header."
        )
    signal = np.stack(physical, axis=1)
    return Recording(name, signal, float(header.fs), tuple(leads), tuple(rails), tuple(remarks))


def read_joined(path: Path, first: int = 0, last: int | None = None) -> wfdb.Record:
    """Return a record in converter steps, the segments of one that joins others as one.

    Args:
        path: The record's path without suffix.
        first: The first sample.
        last: The one after the last; None for the end.
    """
    return wfdb.rdrecord(str(path), sampfrom=first, sampto=last, physical=False)


def _check_segments(path: Path, name: str) -> None:
    """Raise an error where segments count differently: wfdb would take the first one's steps.

    Raises:
        RecordError: They do.
    """
    header = wfdb.rdheader(str(path), rd_segments=True)
    if header.layout != "fixed":
        return  # wfdb compares them by the leads' names
    for field in ("units", "adc_gain", "baseline"):
        found = [getattr(segment, field) for segment in header.segments]
        if any(other != found[0] for other in found):
            raise RecordError(
                f"{name}: {field} differs between the segments {header.seg_name}: {found}. Make "
                "records of their own of them."
            )


def _joined_header(first: Path, name: str, record: wfdb.Record) -> wfdb.Record:
    """Return what is known of the leads of a record of segments.

    Args:
        first: Its first segment; where the leads come and go, that only describes them.
        name: What to call the record in errors.
        record: The joined record.
    """
    header = read_header(first, name)
    for field in ("fs", "n_sig", "sig_name", "units", "adc_gain", "baseline"):
        setattr(header, field, getattr(record, field))
    return header


def read_header(path: Path, name: str) -> wfdb.Record | wfdb.MultiRecord:
    """Return a record's header.

    Raises:
        MissingFileError: There is none.
        RecordError: It cannot be read, or describes no signal.
    """
    try:
        header = wfdb.rdheader(str(path))
    except FileNotFoundError as error:
        raise MissingFileError(f"{name}: there is no header {path}.hea.") from error
    except Exception as error:  # wfdb raises whatever its parsing runs into
        raise RecordError(f"{name}: header {path}.hea cannot be read ({error}).") from error
    if not header.n_sig or not header.fs or header.fs <= 0:
        raise RecordError(
            f"{name}: header {path}.hea declares {header.n_sig} signals at {header.fs} Hz; "
            "expected at least one signal at a positive rate."
        )
    return header


def _range(
    header: wfdb.Record, name: str, start_s: float, seconds: float | None
) -> tuple[int, int | None]:
    """Return the first sample to read and the one after the last, None for the end."""
    first = round(start_s * header.fs)
    length = header.sig_len
    if length is not None and (length == 0 or first >= length):
        raise RecordError(
            f"{name} holds {length} samples ({length / header.fs:.1f} s); "
            f"nothing is left from {start_s:g} s on. Choose an earlier resample.start_s."
        )
    if seconds is None:
        return first, None
    last = first + int(np.ceil(seconds * header.fs))
    return first, last if length is None else min(last, length)


def _read_digital(
    path: Path, name: str, header: wfdb.Record, first: int, last: int | None
) -> wfdb.Record:
    """Return a record in converter steps, with samples that agree with its header."""
    try:
        if isinstance(header, wfdb.MultiRecord):
            _check_segments(path, name)
        record = read_joined(path, first, last)
    except RecordError:
        raise
    except FileNotFoundError as error:
        raise MissingFileError(f"{name}: a signal file is missing ({error}).") from error
    except Exception as error:  # wfdb raises whatever its parsing runs into
        raise RecordError(
            f"{name}: header and data disagree ({error}). Download the record again."
        ) from error
    if record.d_signal is None or len(record.d_signal) == 0:
        raise RecordError(f"{name} holds no samples. Leave the record out.")
    _check_sums(name, header, record)
    return record


def _with_gaps(record: wfdb.Record) -> np.ndarray:
    """Return converter steps `(samples, leads)`, float64, NaN where a sample is marked missing."""
    digital: np.ndarray = record.d_signal.astype(np.float64)
    digital[np.isnan(record.dac())] = np.nan
    return digital


def _check_sums(name: str, header: wfdb.Record, record: wfdb.Record) -> None:
    """Compare the header's checksums with the samples, where the whole record was read."""
    whole = header.sig_len == len(record.d_signal)
    frames = getattr(header, "samps_per_frame", None) or [1]
    if not whole or any(f != 1 for f in frames) or not getattr(header, "checksum", None):
        return
    sums = record.d_signal.astype(np.int64).sum(axis=0)
    for index, (stated, found) in enumerate(zip(header.checksum, sums, strict=True)):
        if stated is not None and (int(stated) - int(found)) % 65536:
            raise RecordError(
                f"{name}: signal {index} has checksum {int(found) % 65536}, its header states "
                f"{int(stated) % 65536}: header and data disagree. Download the record again."
            )


def _header_gains(path: Path) -> list[float | None]:
    """Return the gains as the header writes them, None where absent; wfdb would assume 200."""
    lines = [
        line.split()
        for line in path.with_name(path.name + ".hea").read_text("latin-1").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    found = [_NUMBER.match(line[2]) if len(line) > 2 else None for line in lines[1:]]
    return [float(match.group()) if match else None for match in found]


def _gain(
    name: str, lead: str, written: float | None, read: float, uncalibrated: float | None
) -> float:
    if written and np.isfinite(read) and read > 0:
        return float(read)
    if written is not None and written < 0:
        raise RecordError(f"{name}, lead {lead}: gain {written} is negative. Correct the header.")
    if uncalibrated:
        return uncalibrated
    raise HintNeededError(
        "--gain",
        f"{name}, lead {lead}: the header gives no gain (found {written}), so its millivolts are "
        "unknown. Say by --gain how many steps a mV has (200 is the WFDB default); in a pipeline "
        "by resample.uncalibrated_gain.",
    )


def _baseline(samples: np.ndarray, baseline: float, adc_zero: float | None) -> tuple[float, str]:
    """Return the converter value of 0 mV, and a remark if it is not what the header says."""
    if not np.isfinite(samples).any():
        return baseline, ""
    median = float(np.nanmedian(samples))
    if adc_zero is not None and abs(median - adc_zero) < abs(median - baseline):
        return adc_zero, f"baseline {baseline} is far from the samples, adc zero {adc_zero} used"
    if not np.nanmin(samples) <= baseline <= np.nanmax(samples) and np.nanmax(samples) > np.nanmin(
        samples
    ):
        return median, f"baseline {baseline} is never reached, median {median:g} used"
    return baseline, ""


def _rails(
    header: wfdb.Record, index: int, samples: np.ndarray, baseline: float, scale: float
) -> tuple[float, float] | None:
    """Return the converter's range in mV, None where it is not stated or the samples leave it."""
    bits, zero = header.adc_res[index] or 0, header.adc_zero[index] or 0
    if not 0 < bits <= _MOST_BITS or abs(zero) > 2**_MOST_BITS:
        return None
    half = 2 ** (bits - 1)
    low, high = zero - half, zero + half - 1
    if np.nanmin(samples, initial=zero) < low or np.nanmax(samples, initial=zero) > high:
        return None
    return (low - baseline) * scale, (high - baseline) * scale


def _unique(names: list[str | None] | None, count: int) -> list[str]:
    """Return one name a lead; names that are missing or come twice get their number."""
    given = [str(n or f"lead{i + 1}") for i, n in enumerate(names or [None] * count)]
    return [n if given.count(n) == 1 else f"{n}_{i + 1}" for i, n in enumerate(given)]
