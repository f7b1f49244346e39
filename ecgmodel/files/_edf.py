"""What EDF and BDF share: samples as millivolts and back, gaps, annotations."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from math import ceil, floor, log10
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import HintNeededError, RecordError
from ecgmodel.files._channels import choose_leads, listed
from ecgmodel.files._ecg import (
    AdcRange,
    Annotation,
    Ecg,
    Hints,
    check_rate,
    check_shape,
    header_rate_remark,
)
from ecgmodel.files._edf_layout import EdfSignal, Kind, Layout, read_layout
from ecgmodel.files._limits import check_values
from ecgmodel.support.units import millivolts

ENDS = "Recording ends"  # of EDF+'s standard texts
_HEADROOM = 1.1
_ONSET = re.compile(rb"([+-]\d{1,12}(?:\.\d{1,24})?)\x14")
_NOTE = re.compile(rb"([+-]\d{1,12}(?:\.\d{0,24})?)(?:\x15(\d{1,12}(?:\.\d{0,24})?))?\x14")


@dataclass(frozen=True)
class _Read:
    """The leads of a file.

    Attributes:
        layout: The file's header.
        data: Its records' bytes.
        leads: Their channels.
        signal: `(samples, leads)`, mV, time between records included as gaps.
        scales: Per lead, how many mV one of its units is.
        at: `(records,)`: where each record begins in the signal.
        remarks: What was put right.
        marks: Annotations.
    """

    layout: Layout
    data: NDArray[np.uint8]
    leads: tuple[EdfSignal, ...]
    signal: NDArray[np.float64]
    scales: tuple[float, ...]
    at: NDArray[np.int64]
    remarks: tuple[str, ...]
    marks: tuple[Annotation, ...]

    @property
    def fs(self) -> float:
        """Sampling rate of the leads, Hz."""
        return float(self.leads[0].samples / self.layout.duration)


def read_ecg_of(path: Path, hints: Hints, kind: Kind) -> Ecg:
    """Read a file.

    A sample at the lowest number of the format is missing, if the header's digital range leaves
    that number out. Time between the records of an interrupted file (EDF+D) is missing too. What
    follows an annotation "Recording ends" fills up the last record and is left out.

    Raises:
        HintNeededError: It cannot be told which channels are ECG, or they differ in rate.
        RecordError: The header lies, or a lead has no range.
    """
    found = _read(path, hints, kind)
    names = [channel.label or f"channel {channel.place + 1}" for channel in found.leads]
    start = found.layout.start
    onset = _onsets(found.layout, found.data)[:1]
    if start is not None and len(onset):
        start += timedelta(seconds=min(float(onset[0]), 86_400.0))
    rest = (c for c in found.layout.channels if c not in found.leads)
    return Ecg(
        signal=found.signal,
        fs=check_rate(found.fs, path),
        leads=tuple(names),
        adc_ranges=tuple(
            _adc_range(c, found.signal[:, i], s) for i, (c, s) in enumerate(_scaled(found))
        ),
        other=tuple(c.label for c in rest if not found.layout.is_annotations(c)),
        remarks=(*found.remarks, *header_rate_remark(found.fs, hints)),
        start=start,
        annotations=found.marks,
        hints=hints,
    )


def rewrite_as(source: Path, ecg: Ecg, into: Path, comment: str, kind: Kind) -> None:
    """Write a file with other samples of its leads; all other bytes are kept.

    The leads' physical range is set anew, a tenth wider than the signal's, so that a step is as
    small as the format allows: 0.2 uV for 5 mV in EDF, 0.7 nV in BDF. The comment joins their
    field of filters. A missing sample is the lowest number that the format holds, which the
    digital range leaves out.
    """
    found = _read(source, ecg.hints, kind)
    check_shape(ecg, found.signal.shape, source)
    layout, data = found.layout, found.data
    header = bytearray(source.open("rb").read(layout.header_bytes))
    for i, (channel, scale) in enumerate(_scaled(found)):
        values = _by_record(ecg.signal[:, i] / scale, found.at, channel.samples)
        limit, text = physical_limit(values, source)
        digital = _digital(values, limit, kind)
        layout.bytes_of(data, channel)[:] = _encoded(digital, kind)
        filters = header[layout.field(channel, "prefiltering")].decode("latin-1").strip()
        for field, value in {
            "physical_min": f"-{text}",
            "physical_max": text,
            "digital_min": str(-kind.largest),
            "digital_max": str(kind.largest),
            "prefiltering": plain_text(f"{filters} {comment}", 80),
        }.items():
            place = layout.field(channel, field)
            header[place] = value.encode("latin-1").ljust(place.stop - place.start)
    with (into / source.name).open("wb") as file:
        file.write(header)
        data.tofile(file)


def physical_limit(values: NDArray[np.float64], path: Path) -> tuple[float, str]:
    """Return the end of a symmetric physical range around values, and its text of 7 letters.

    Raises:
        RecordError: It does not fit there.
    """
    largest = float(np.nanmax(np.abs(values), initial=0.0)) * _HEADROOM
    decimals = 5 if largest <= 0 else max(0, min(5, 3 - floor(log10(largest))))
    limit = max(1, ceil(largest * 10**decimals)) / 10**decimals
    text = f"{limit:.{decimals}f}"
    if len(text) > 7:
        raise RecordError(
            f"{path.name}: its values reach {largest:g}, which does not fit into a header."
        )
    return float(text), text


def digital_of(
    signal: NDArray[np.float64], kind: Kind, path: Path
) -> tuple[NDArray[np.int32], float]:
    """Return a lead (mV) as samples, and the physical limit (mV) that the largest stands for."""
    limit, _ = physical_limit(signal, path)
    return _digital(signal, limit, kind), limit


def plain_text(text: str, length: int) -> str:
    """Return what a header's field can hold of a text: printable ASCII."""
    plain = " ".join(text.encode("ascii", "replace").decode().split())
    return "".join(letter if letter.isprintable() else "?" for letter in plain)[:length]


def _scaled(found: _Read) -> list[tuple[EdfSignal, float]]:
    return list(zip(found.leads, found.scales, strict=True))


def _read(path: Path, hints: Hints, kind: Kind) -> _Read:
    layout = read_layout(path, kind)
    signals = [c for c in layout.channels if not layout.is_annotations(c)]
    chosen = choose_leads([c.label for c in signals], [c.unit for c in signals], hints, path)
    leads = tuple(signals[i] for i in chosen.leads)
    if len({channel.samples for channel in leads}) > 1:
        raise HintNeededError(
            "--column",
            f"{path.name}: its ECG leads {listed([c.label for c in leads])} have different rates "
            f"({sorted({float(c.samples / layout.duration) for c in leads})} Hz). Give those of "
            "one rate by --column.",
        )
    remarks = list(chosen.remarks)
    if layout.is_cut:
        remarks.append("it was not closed, and its last data record is cut off and left out")
    scales = tuple(_unit_scale(channel, hints, path, remarks) for channel in leads)
    at, length = _places(layout, leads[0], path)
    data = layout.data()
    if layout.is_interrupted:
        at, length = _interrupted(layout, data, leads[0], path)
    signal = np.full((length, len(leads)), np.nan)
    places = (at[:, None] + np.arange(leads[0].samples)).ravel()
    for i, channel in enumerate(leads):
        raw = _decoded(layout.bytes_of(data, channel), kind)
        signal[places, i] = _physical(raw, channel, kind, path) * scales[i]
    marks = _marks(layout, data)
    fs = Fraction(leads[0].samples) / layout.duration
    signal, marks = _trimmed(signal, marks, float(fs))
    return _Read(layout, data, leads, signal, scales, at, tuple(remarks), marks)


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


def _places(layout: Layout, lead: EdfSignal, path: Path) -> tuple[NDArray[np.int64], int]:
    """Return where each record begins, and the length of all, in samples of the leads."""
    if lead.samples < 1:
        raise RecordError(f"{path.name}: channel {lead.label} holds no samples. Leave it out.")
    return np.arange(layout.records) * lead.samples, layout.records * lead.samples


def _interrupted(
    layout: Layout, data: NDArray[np.uint8], lead: EdfSignal, path: Path
) -> tuple[NDArray[np.int64], int]:
    """Return the same where there is time between the records.

    Raises:
        RecordError: The records' times do not rise, or leave more time than a file can.
    """
    onsets = _onsets(layout, data)
    if len(onsets) != layout.records:
        raise RecordError(
            f"{path.name} is interrupted (EDF+D), but {layout.records - len(onsets)} of its "
            f"{layout.records} records do not say when they begin. Get it again."
        )
    fs = float(lead.samples / layout.duration)
    at = np.round((onsets - onsets[0]) * fs).astype(np.int64)
    if (np.diff(at) < lead.samples).any():
        raise RecordError(f"{path.name}: its records overlap or are out of order. Get it again.")
    length = int(at[-1]) + lead.samples
    check_values(path, length, data.size)
    return at, length


def _onsets(layout: Layout, data: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return when the records begin, s; none where a file does not say."""
    channel = next((c for c in layout.channels if layout.is_annotations(c)), None)
    if channel is None:
        return np.empty(0)
    found = (_ONSET.match(record.tobytes()) for record in layout.bytes_of(data, channel))
    return np.array([float(match[1]) for match in found if match])


def _marks(layout: Layout, data: NDArray[np.uint8]) -> tuple[Annotation, ...]:
    """Return all annotations; s from the first record on."""
    onsets = _onsets(layout, data)
    begin = float(onsets[0]) if len(onsets) else 0.0
    found = []
    for channel in (c for c in layout.channels if layout.is_annotations(c)):
        notes = layout.bytes_of(data, channel).tobytes().split(b"\0")
        for note, match in ((note, _NOTE.match(note)) for note in notes):
            if match:
                at, duration = float(match[1]) - begin, float(match[2]) if match[2] else None
                texts = note[match.end() :].decode("utf-8", "replace").split("\x14")
                found += [Annotation(at, duration, text) for text in texts if text]
    return tuple(sorted(found, key=lambda mark: mark.at_s))


def _trimmed(
    signal: NDArray[np.float64], marks: tuple[Annotation, ...], fs: float
) -> tuple[NDArray[np.float64], tuple[Annotation, ...]]:
    """Leave out what only fills up the last record, and the annotation that says so."""
    ends = [mark for mark in marks if mark.text == ENDS]
    if len(ends) != 1:
        return signal, marks
    last = round(ends[0].at_s * fs)
    if not 0 < last <= len(signal) or not np.isnan(signal[last:]).all():
        return signal, marks
    return signal[:last], tuple(mark for mark in marks if mark is not ends[0])


def _by_record(
    lead: NDArray[np.float64], at: NDArray[np.int64], samples: int
) -> NDArray[np.float64]:
    """Return a lead `(records, samples)`, NaN after its end."""
    padded = np.full(int(at[-1]) + samples, np.nan)
    padded[: len(lead)] = lead
    return padded[at[:, None] + np.arange(samples)]


def _physical(
    raw: NDArray[np.int32], channel: EdfSignal, kind: Kind, path: Path
) -> NDArray[np.float64]:
    """Return samples in the channel's unit, NaN where they are missing.

    Raises:
        RecordError: The channel's ranges are none.
    """
    (low, high), (least, most) = channel.physical, channel.digital
    if most <= least or high == low:
        raise RecordError(
            f"{path.name}, channel {channel.label}: expected a physical and a digital range. "
            f"Received: {low:g} to {high:g} and {least} to {most}. Correct the header."
        )
    values: NDArray[np.float64] = raw.astype(np.float64)
    values = (values - least) * ((high - low) / (most - least)) + low
    lowest = -kind.largest - 1
    if least > lowest:
        values[raw == lowest] = np.nan
    return values


def _adc_range(channel: EdfSignal, lead: NDArray[np.float64], scale: float) -> AdcRange:
    """Return a converter's range in mV.

    Many programs state the range of the data: two samples that touch it do not make a converter's.
    """
    low, high = sorted(value * scale for value in channel.physical)
    step = (high - low) / (channel.digital[1] - channel.digital[0])
    touching = [int(np.sum(np.abs(lead - end) < step / 2)) for end in (low, high)]
    if np.nanmin(lead, initial=low) < low - step or np.nanmax(lead, initial=high) > high + step:
        return None
    return None if any(1 <= count <= 2 for count in touching) else (low, high)


def _decoded(found: NDArray[np.uint8], kind: Kind) -> NDArray[np.int32]:
    """Return a channel's samples in their order."""
    if kind.width == 2:
        return np.ascontiguousarray(found).view("<i2").astype(np.int32).ravel()
    wide = np.zeros((found.size // 3, 4), np.uint8)
    wide[:, 1:] = found.reshape(-1, 3)
    return wide.view("<i4").ravel() >> 8


def _digital(values: NDArray[np.float64], limit: float, kind: Kind) -> NDArray[np.int32]:
    steps = np.round(values * (kind.largest / limit))
    filled: NDArray[Any] = np.where(np.isnan(steps), -kind.largest - 1, steps)
    return filled.astype(np.int32)


def _encoded(digital: NDArray[np.int32], kind: Kind) -> NDArray[np.uint8]:
    """Return samples `(records, samples)` as bytes `(records, bytes)`."""
    little = np.ascontiguousarray(digital.astype("<i4")).view(np.uint8)
    return little.reshape(*digital.shape, 4)[:, :, : kind.width].reshape(len(digital), -1)
