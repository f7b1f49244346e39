"""A new EDF+ or BDF+ file of a recording that came in another format."""

from __future__ import annotations

from datetime import time
from io import BytesIO
from pathlib import Path
from typing import Any

import edfio
import numpy as np

from ecgmodel.files._channels import leads_by_name
from ecgmodel.files._ecg import Recording
from ecgmodel.files._edf_annotations import ENDS
from ecgmodel.files._edf_layout import BLOCK, Kind, field_of, plain_text, read_layout, set_field
from ecgmodel.files._edf_records import LeadRecords, largest, physical_limit
from ecgmodel.support.samples import spans

# Records last whole seconds, the fewest that hold a whole number of samples, or less than one if
# they would be larger than EDF recommends. A rate that fits none has records of other durations.
_SECONDS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
_RECORD_BYTES = 61_440
_SHORTEST_S, _LONGEST_S = 0.5, 20.0
_EXACT, _KEPT = 1e-9, 1e-6  # relative error of a rate; the second as little filled up as possible
_CLASSES: dict[str, tuple[Any, Any, type]] = {
    "EDF": (edfio.Edf, edfio.EdfSignal, np.int16),
    "BDF": (edfio.Bdf, edfio.BdfSignal, np.int32),
}
_YEARS = range(1985, 2085)
_SEPARATORS = {0: " ", 0x14: " ", 0x15: " "}


def write_new(name: str, ecg: Recording, into: Path, comment: str, kind: Kind) -> None:
    """Write an uninterrupted file with annotations (EDF+C, BDF+C).

    The physical range of each lead is symmetric and a tenth wider than its signal, in 16 bits
    (EDF) or 24 (BDF). A missing sample is the lowest number, which the digital range leaves out.
    The last record is filled up with such; the annotation "Recording ends" says where. A record's
    duration has eight characters, which keep a rate to 1e-6 of it or better. What is unknown of
    patient and recording is "X".

    Raises:
        RecordError: The signal's range does not fit into the header.
    """
    peaks = largest(ecg.signal[part] for part in spans(ecg.signal.shape))
    limits = [physical_limit(peak, into)[0] for peak in peaks]
    path = into / f"{name}.{kind.name.lower()}"
    samples, seconds = _record(ecg.fs, len(ecg.signal), len(limits) * kind.width)
    records = -(-len(ecg.signal) // samples)
    frame = _frame(ecg, limits, (records, seconds, samples / seconds), comment, kind)
    _write_frame(path, frame, records, kind, samples)
    layout = read_layout(path, kind)
    at = np.arange(records) * samples
    leads = layout.channels[: len(limits)]
    LeadRecords(layout, leads, (1.0,) * len(limits), at).write(path, ecg.signal, limits)


def _frame(
    ecg: Recording,
    limits: list[float],
    records_of: tuple[int, float, float],
    comment: str,
    kind: Kind,
) -> tuple[bytes, bytes]:
    """Return header and data records of the file, but with one sample of each lead in a record.

    edfio writes only signals that are in memory. `records_of` are the number of records, their
    duration in s, and the sampling rate that results, Hz.
    """
    records, seconds, fs = records_of
    file_class, signal_class, dtype = _CLASSES[kind.name]
    count = len(ecg.leads)
    named = leads_by_name(ecg.leads, ["mV"] * count, range(count))
    signals = [
        signal_class.from_digital(
            np.zeros(records, dtype),
            1 / seconds,
            label=plain_text(label if i in named else f"ECG {label}", 16),
            physical_dimension="mV",
            physical_range=(-limit, limit),
            digital_range=(-kind.largest, kind.largest),
            prefiltering=plain_text(comment, 80),
        )
        for i, (label, limit) in enumerate(zip(ecg.leads, limits, strict=True))
    ]
    notes = [
        edfio.EdfAnnotation(
            annotation.at_s, annotation.duration_s, annotation.text.translate(_SEPARATORS)
        )
        for annotation in ecg.annotations
        if 0 <= annotation.at_s <= len(ecg.signal) / ecg.fs
    ]
    start = ecg.start if ecg.start and ecg.start.year in _YEARS else None
    made = file_class(
        signals,
        recording=edfio.Recording(startdate=start.date() if start else None),
        starttime=start.time() if start else time(),
        data_record_duration=seconds,
        annotations=[*notes, edfio.EdfAnnotation(len(ecg.signal) / fs, None, ENDS)],
    )
    file = BytesIO()
    made.write(file)
    header = BLOCK * (len(signals) + 2)
    return file.getvalue()[:header], file.getvalue()[header:]


def _write_frame(
    path: Path, frame: tuple[bytes, bytes], records: int, kind: Kind, samples: int
) -> None:
    """Write a file with `samples` zeros of each lead in each record, and the annotations."""
    header, data = bytearray(frame[0]), frame[1]
    channels = len(header) // BLOCK - 1
    for place in range(channels - 1):
        set_field(header, field_of(place, channels, "samples"), str(samples))
    short = len(data) // records
    before = (channels - 1) * kind.width
    with path.open("wb") as file:
        file.write(header)
        for record in range(records):
            file.seek(before * samples, 1)
            file.write(data[record * short + before : (record + 1) * short])


def _record(fs: float, samples: int, bytes_each: int) -> tuple[int, float]:
    """Return the samples of a lead in a data record, and its duration, s.

    Args:
        fs: Sampling rate, Hz.
        samples: Length of the recording; no record is filled up entirely.
        bytes_each: Bytes of a sample of all leads.
    """
    most = max(1, _RECORD_BYTES // bytes_each)
    for seconds in _SECONDS:
        count = round(fs * seconds)
        if 1 <= count <= most and abs(count / seconds - fs) <= _EXACT * fs:
            return count, seconds
    low, high = (min(most, max(1, round(fs * s))) for s in (_SHORTEST_S, _LONGEST_S))
    counts = np.arange(min(low, samples), max(low, min(high, samples)) + 1)
    durations = np.round(counts / fs, 6)
    durations = np.where(durations < 10, durations, np.round(durations, 5))  # eight characters
    errors = np.abs(counts / durations / fs - 1)
    filled = -samples % counts
    best = np.lexsort((errors, filled, errors > _KEPT))[0]
    return int(counts[best]), float(durations[best])
