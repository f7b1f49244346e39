"""Reading of EDF and BDF files in millivolts, and writing of their leads."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import HintNeededError, RecordError
from ecgmodel.files._channels import choose_leads, listed
from ecgmodel.files._ecg import (
    AdcRange,
    Annotation,
    Hints,
    Recording,
    check_rate,
    check_shape,
    header_rate_remark,
)
from ecgmodel.files._edf_annotations import ENDS, read_annotations
from ecgmodel.files._edf_layout import (
    RECORDS,
    EdfSignal,
    Kind,
    Layout,
    plain_text,
    read_layout,
    set_field,
)
from ecgmodel.files._edf_records import LeadRecords, check_ranges, physical_limit
from ecgmodel.files._lead_names import is_typed
from ecgmodel.files._limits import check_values
from ecgmodel.support.samples import LazySamples, Samples, is_small, spans
from ecgmodel.support.units import millivolts

_DRIFT = 1e-4  # of the clock that times the records, relative


@dataclass(frozen=True)
class _Read:
    """The leads of a file.

    Attributes:
        records: Their data records.
        signal: `(samples, leads)`, mV, time between records included as gaps; read in pieces.
        begin: When the first record begins, s; None if it does not say.
        remarks: Corrections and assumptions.
        annotations: All annotations.
        declared: Whether each lead is an ECG whatever its samples look like.
    """

    records: LeadRecords
    signal: LazySamples
    begin: float | None
    remarks: tuple[str, ...]
    annotations: tuple[Annotation, ...]
    declared: tuple[bool, ...]


def read_ecg_of(path: Path, hints: Hints, kind: Kind) -> Recording:
    """Read a file; the samples of a long recording are read when a piece of them is asked for.

    A sample at the lowest number of the format is missing, if the header's digital range leaves
    that number out. Time between the records of an interrupted file (EDF+D) is missing too. What
    follows an annotation "Recording ends" fills up the last record and is left out.

    Raises:
        HintNeededError: It cannot be told which channels are ECG, or they differ in rate.
        RecordError: The header lies, or a lead has no range.
    """
    found = _read(path, hints, kind)
    records, layout = found.records, found.records.layout
    fs = check_rate(_rate(records.leads[0], layout), path)
    start = layout.start
    if start is not None and found.begin is not None:
        start += timedelta(seconds=min(found.begin, 86_400.0))
    signal = found.signal[:] if is_small(found.signal.shape) else found.signal
    rest = (c for c in layout.channels if c not in records.leads)
    return Recording(
        signal=signal,
        fs=fs,
        leads=tuple(c.label or f"channel {c.place + 1}" for c in records.leads),
        adc_ranges=_adc_ranges(signal, records),
        other=tuple(c.label for c in rest if not layout.is_annotations(c)),
        remarks=(*found.remarks, *header_rate_remark(fs, hints)),
        start=start,
        annotations=found.annotations,
        hints=hints,
        declared=found.declared,
    )


def rewrite_as(source: Path, ecg: Recording, into: Path, comment: str, kind: Kind) -> None:
    """Write a file with other samples of its leads; all other bytes are kept.

    The leads' physical range is set anew, a tenth wider than the signal's, so that a step is as
    small as the format allows: 0.2 uV for 5 mV in EDF, 0.7 nV in BDF. The comment joins their
    field of filters. A missing sample is the lowest number that the format holds, which the
    digital range leaves out. The header states the number of records that are there.
    """
    found = _read(source, ecg.hints, kind)
    check_shape(ecg, found.signal.shape, source)
    records, layout = found.records, found.records.layout
    limits = [physical_limit(value, source) for value in records.largest(ecg.signal)]
    target = into / source.name
    shutil.copyfile(source, target)
    with target.open("r+b") as file:
        file.truncate(layout.header_bytes + layout.records * layout.record_bytes)
        header = bytearray(file.read(layout.header_bytes))
        set_field(header, RECORDS, str(layout.records))
        for channel, (_, text) in zip(records.leads, limits, strict=True):
            filters = header[layout.field(channel, "prefiltering")].decode("latin-1").strip()
            for field, value in {
                "physical_min": f"-{text}",
                "physical_max": text,
                "digital_min": str(-kind.largest),
                "digital_max": str(kind.largest),
                "prefiltering": plain_text(f"{filters} {comment}", 80),
            }.items():
                set_field(header, layout.field(channel, field), value)
        file.seek(0)
        file.write(header)
    records.write(target, ecg.signal, [limit for limit, _ in limits])


def _read(path: Path, hints: Hints, kind: Kind) -> _Read:
    layout = read_layout(path, kind)
    signals = [c for c in layout.channels if not layout.is_annotations(c)]
    typed = [i for i, c in enumerate(signals) if is_typed(c.label) and millivolts(c.unit)]
    chosen = choose_leads(
        [c.label for c in signals], [c.unit for c in signals], hints, path, typed=typed
    )
    leads = tuple(signals[i] for i in chosen.leads)
    if len({channel.samples for channel in leads}) > 1:
        raise HintNeededError(
            "--column",
            f"{path.name}: its ECG leads {listed([c.label for c in leads])} have different rates "
            f"({sorted({_rate(c, layout) for c in leads})} Hz). Give those of one rate by "
            "--column.",
        )
    remarks = [*chosen.remarks, *layout.remarks]
    scales = tuple(_unit_scale(channel, hints, path, remarks) for channel in leads)
    if leads[0].samples < 1:
        raise RecordError(f"{path.name}: channel {leads[0].label} holds no samples. Leave it out.")
    onsets, annotations = read_annotations(layout)
    at = np.arange(layout.records) * leads[0].samples
    if layout.is_interrupted:
        at = _interrupted(layout, onsets, leads[0], path)
    check_ranges(leads, path)
    records = LeadRecords(layout, leads, scales, at)
    signal, annotations = _trimmed(records, annotations)
    begin = float(onsets[0]) if len(onsets) else None
    return _Read(records, signal, begin, tuple(remarks), annotations, chosen.declared)


def _rate(channel: EdfSignal, layout: Layout) -> float:
    """Return a channel's sampling rate, Hz."""
    return float(channel.samples / layout.duration)


def _unit_scale(channel: EdfSignal, hints: Hints, path: Path, remarks: list[str]) -> float:
    stated = millivolts(channel.unit)
    if stated is None and (hints.scale or hints.gain):
        return hints.scale or 1 / (hints.gain or 1.0)
    if hints.scale not in (None, stated):
        remarks.append(f"{channel.label}: its header's unit is used, {channel.unit}")
    if stated is None:
        raise HintNeededError(
            "--unit",
            f"{path.name}, channel {channel.label}: its unit is {channel.unit!r}, no voltage. Say "
            "by --unit (mV, uV or V) what it is.",
        )
    return stated


def _interrupted(
    layout: Layout, onsets: NDArray[np.float64], lead: EdfSignal, path: Path
) -> NDArray[np.int64]:
    """Return where each record begins if there is time between the records, in samples.

    Raises:
        RecordError: The records' times do not rise, or leave more time than a file can.
    """
    if len(onsets) != layout.records:
        raise RecordError(
            f"{path.name} is interrupted (EDF+D), but {layout.records - len(onsets)} of its "
            f"{layout.records} records do not say when they begin. Get it again."
        )
    at = np.round((onsets - onsets[0]) * _rate(lead, layout)).astype(np.int64)
    stored = np.arange(layout.records) * lead.samples
    before = np.maximum.accumulate(at - stored)
    # A clock that drifts lets a record begin slightly before the end of the one before it.
    if (before - (at - stored) > 1 + _DRIFT * stored).any():
        raise RecordError(f"{path.name}: its records overlap or are out of order. Get it again.")
    at = stored + before
    check_values(path, int(at[-1]) + lead.samples, layout.records * layout.record_bytes)
    return at


def _trimmed(
    records: LeadRecords, annotations: tuple[Annotation, ...]
) -> tuple[LazySamples, tuple[Annotation, ...]]:
    """Leave out what only fills up the last record, and the annotation that says so."""
    length, leads = records.length, len(records.leads)
    signal = LazySamples((length, leads), records.read)
    ends = [each for each in annotations if each.text == ENDS]
    if len(ends) != 1:
        return signal, annotations
    last = round(ends[0].at_s * _rate(records.leads[0], records.layout))
    if not 0 < last <= length:
        return signal, annotations
    parts = spans((length - last, leads))
    if not all(np.isnan(signal[last + part.start : last + part.stop]).all() for part in parts):
        return signal, annotations
    kept = tuple(each for each in annotations if each is not ends[0])
    return LazySamples((last, leads), records.read), kept


def _adc_ranges(signal: Samples, records: LeadRecords) -> tuple[AdcRange, ...]:
    """Return each lead's ADC range, mV; None where the header states another range.

    Many programs state the range of the data: two samples that touch it do not make an ADC range.
    """
    stated = []
    for lead, scale in zip(records.leads, records.scales, strict=True):
        low, high = sorted(value * scale for value in lead.physical)
        stated.append((low, high, (high - low) / (lead.digital[1] - lead.digital[0])))
    extremes = [[low, high] for low, high, _ in stated]
    touching = np.zeros((len(stated), 2), int)
    for part in spans(signal.shape):
        for i, values in enumerate(signal[part].T):
            low, high, step = stated[i]
            for side, end in enumerate((low, high)):
                touching[i, side] += np.sum(np.abs(values - end) < step / 2)
            least, most = extremes[i]
            extremes[i] = [np.nanmin(values, initial=least), np.nanmax(values, initial=most)]
    return tuple(
        None
        if least < low - step or most > high + step or ((counts == 1) | (counts == 2)).any()
        else (low, high)
        for (low, high, step), (least, most), counts in zip(stated, extremes, touching, strict=True)
    )
