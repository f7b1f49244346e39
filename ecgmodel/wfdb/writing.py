"""Writing of WFDB records: cleaned records that keep their header, and new records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ecgmodel.errors import RecordError
from ecgmodel.support.samples import Samples, spans

if TYPE_CHECKING:
    from ecgmodel.wfdb.channels import Channel
    from ecgmodel.wfdb.reading import StoredRecord

# With this gain format 16 covers +-32 mV at 1 uV, finer than any ADC, so writing adds no noise.
# Larger values are written in 32 bits.
GAIN_PER_MV = 1000.0
WFDB_GAIN = 200.0  # WFDB's default for a header without a gain
_MISSING = {"16": -(2**15), "32": -(2**31)}
_LARGEST = {"16": 2**15 - 1, "32": 2**31 - 1}
_TYPES = {"16": "<i2", "32": "<i4"}


@dataclass(frozen=True)
class _Lead:
    """A lead as it is written.

    Attributes:
        name: Its name, "" for none.
        gain: ADC units per physical unit.
        unit: The physical unit.
        baseline: The ADC value of 0 physical units.
        per_frame: Samples per frame.
    """

    name: str
    gain: float = GAIN_PER_MV
    unit: str = "mV"
    baseline: int = 0
    per_frame: int = 1


# Returns each lead's samples of some frames, in ADC units, NaN where missing.
_Digital = Callable[[slice], list[np.ndarray]]


@dataclass(frozen=True)
class _Head:
    """The fields of a header that describe the whole record; see `StoredRecord`."""

    name: str
    frame_fs: float
    start: str
    comments: Sequence[str]
    counter: str = ""


def write_cleaned(
    source: Path,
    cleaned: Samples,
    comment: str,
    into: Path,
    leads: Sequence[str] | None = None,
) -> None:
    """Write a copy of a record with cleaned ECG leads.

    Names and order of the leads, units, rate, length, start time, counter and comments are kept,
    and so are the samples of other leads (pressure, respiration). The samples of all files or
    segments are written to one `.dat` file, a piece of time after the other.

    Args:
        source: The source's path without suffix.
        cleaned: `(samples, ECG leads)`, mV, NaN where a sample is missing; read twice.
        comment: A line for the header that describes the processing.
        into: The folder for `<name>.hea` and `<name>.dat`.
        leads: Names of the cleaned leads as returned by `read_recording`; None means all leads in
            volts.

    Raises:
        RecordError: The number of samples or leads differs from the source's, its header cannot
            be written again, or the samples of its other leads cannot be read.
    """
    from ecgmodel.wfdb.millivolts import in_volts  # wfdb takes a second to import
    from ecgmodel.wfdb.reading import open_stored_record

    stored = open_stored_record(source, source.name)
    names = [channel.name for channel in stored.channels]
    ecg = [channel.name for channel in in_volts(stored)] if leads is None else leads
    places = [names.index(lead) for lead in ecg]
    rates = {stored.channels[place].per_frame for place in places}
    lengths = sorted(stored.frames * per_frame for per_frame in rates)
    if len(lengths) != 1 or cleaned.shape != (*lengths, len(places)):
        raise RecordError(
            f"{source.name}: expected a cleaned signal of shape {(*lengths, len(places))}. "
            f"Received: {cleaned.shape}."
        )
    written = [
        _cleaned(channel) if i in places else _kept(channel)
        for i, channel in enumerate(stored.channels)
    ]
    head = _Head(
        source.name,
        stored.frame_fs,
        stored.start,
        (*stored.comments, f"# {comment}"),
        stored.counter,
    )
    _write(head, written, _replaced(stored, places, cleaned), stored.frames, into)


def _replaced(stored: StoredRecord, places: Sequence[int], cleaned: Samples) -> _Digital:
    """Return the samples of a record, with cleaned ones at some places; others are read."""
    count, per_frame = len(stored.channels), stored.channels[places[0]].per_frame
    copied = len(set(places)) < count

    def digital(frames: slice) -> list[np.ndarray]:
        found = stored.read(frames.start, frames.stop) if copied else [np.empty(0)] * count
        piece = cleaned[frames.start * per_frame : frames.stop * per_frame]
        for place, samples in zip(places, _to_adc_units(piece).T, strict=True):
            found[place] = samples
        return found

    return digital


def write_signal(
    name: str,
    signal: Samples,
    fs: float,
    leads: Sequence[str],
    comments: Sequence[str],
    start: datetime | None,
    into: Path,
) -> None:
    """Write a signal as a new record with a resolution of 1 uV.

    Args:
        name: The record's name.
        signal: `(samples, leads)`, mV, NaN where a sample is missing; read twice.
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
        _start(start),
        [f"# {comment}" for comment in comments],
    )
    written = [_Lead(lead) for lead in leads]
    _write(head, written, lambda frames: list(_to_adc_units(signal[frames]).T), len(signal), into)


def _write(head: _Head, leads: Sequence[_Lead], digital: _Digital, frames: int, into: Path) -> None:
    """Write a record; its samples are asked for twice, in order."""
    import wfdb

    counts = [lead.per_frame for lead in leads]
    parts = list(spans((frames, sum(counts))))
    fmt = _format(digital, parts)
    sums, initial = _write_samples(into / f"{head.name}.dat", digital, parts, fmt)
    starts = np.cumsum([0, *counts[:-1]])
    several = any(count != 1 for count in counts)
    try:
        record = wfdb.Record(
            record_name=head.name,
            n_sig=len(leads),
            sig_len=frames,
            fs=head.frame_fs,
            samps_per_frame=counts if several else None,
            units=[lead.unit for lead in leads],
            sig_name=_names([lead.name for lead in leads]),
            fmt=[fmt] * len(leads),
            adc_gain=[lead.gain for lead in leads],
            baseline=[lead.baseline for lead in leads],
            init_value=initial[starts].tolist(),
            checksum=(np.add.reduceat(sums, starts) % 65536).tolist(),
        )
        record.set_defaults()
        record.wrheader(write_dir=str(into), expanded=several)
    except (ValueError, TypeError, IndexError) as error:
        raise RecordError(
            f"Record {head.name} cannot be written ({error}). Correct its header."
        ) from error
    _complete_header(into / f"{head.name}.hea", head)


def _write_samples(
    path: Path, digital: _Digital, parts: Sequence[slice], fmt: str
) -> tuple[np.ndarray, np.ndarray]:
    """Write a signal file, and return the sum of each column of its frames and the first frame."""
    sums, initial = np.zeros(1, np.int64), np.zeros(0, np.int64)
    with path.open("wb") as file:
        for part in parts:
            rows = part.stop - part.start
            frames = [samples.reshape(rows, -1) for samples in digital(part)]
            stored = _encoded(np.concatenate(frames, axis=1), fmt)
            file.write(stored.tobytes())
            sums = sums + stored.sum(axis=0, dtype=np.int64)
            initial = stored[0] if part.start == 0 else initial
    return sums, initial


def _complete_header(path: Path, head: _Head) -> None:
    """Add what wfdb cannot write: a counter that starts at or below 0, start and comments as given.

    wfdb refuses start dates that other programs write, such as 00/00/0000.
    """
    first, *rest = path.read_text("utf-8").splitlines()
    words = first.split(" ")
    words[2] += f"/{head.counter}" if head.counter else ""
    words += head.start.split()
    lines = [" ".join(words), *rest, *head.comments]
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def _start(start: datetime | None) -> str:
    """Return a start as it is written in headers."""
    if start is None:
        return ""
    digits = "%H:%M:%S.%f" if start.microsecond else "%H:%M:%S"
    return f"{start:{digits}} {start.day:02}/{start.month:02}/{start.year:04}"


def _kept(channel: Channel) -> _Lead:
    """Return a lead unchanged."""
    gain = channel.gain or WFDB_GAIN
    return _Lead(channel.name, gain, channel.unit, int(channel.baseline), channel.per_frame)


def _cleaned(channel: Channel) -> _Lead:
    """Return a lead with a resolution of 1 uV, in its own unit."""
    gain = GAIN_PER_MV * (channel.mv_per_unit or 1.0)
    return _Lead(channel.name, gain, channel.unit, 0, channel.per_frame)


def _to_adc_units(signal: np.ndarray) -> np.ndarray:
    """Return a signal in mV as ADC units."""
    return np.round(signal.astype(np.float64) * GAIN_PER_MV)


def _format(digital: _Digital, parts: Sequence[slice]) -> str:
    """Return the narrowest WFDB format that holds all samples."""
    fmt = "16"
    for part in parts:
        for samples in digital(part):
            if np.nanmax(np.abs(samples), initial=0.0) > _LARGEST["16"]:
                fmt = "32"
    return fmt


def _encoded(digital: np.ndarray, fmt: str) -> np.ndarray:
    limit = _LARGEST[fmt]
    filled = np.where(np.isnan(digital), _MISSING[fmt], np.clip(digital, -limit, limit))
    return filled.astype(_TYPES[fmt])


def _names(names: list[str]) -> list[str]:
    """Return the leads' names; missing and duplicate names get the lead's number.

    Non-printable characters become "_", since a header cannot contain them.
    """
    from ecgmodel.wfdb.channels import unique

    return unique(["".join(c if c.isprintable() else "_" for c in n).strip() for n in names])
