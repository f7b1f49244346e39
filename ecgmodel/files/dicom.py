"""DICOM waveforms: 12-lead, general and ambulatory ECG, and ECG leads among other waveforms."""

from __future__ import annotations

import hashlib
import io
import logging
import shutil
import uuid
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import EcgError, HintNeededError, MissingLibraryError, RecordError
from ecgmodel.files._channels import listed
from ecgmodel.files._dicom_elements import averaged_beats, channel_name, timed_annotations
from ecgmodel.files._ecg import (
    Hints,
    Recording,
    check_shape,
    header_rate_remark,
    read_moment,
)
from ecgmodel.files._finding import not_rewritten
from ecgmodel.files._limits import check_file
from ecgmodel.files._segments import Segment, Timeline, assemble
from ecgmodel.support.units import millivolts

LABEL = "DICOM waveform"
SUFFIXES = (".dcm", ".dicom")
MARK = (128, b"DICM")
_WAVEFORMS = "1.2.840.10008.5.1.4.1.1.9."
_ECG = tuple(f"{_WAVEFORMS}1.{n}" for n in range(1, 5))
_DEFLATED, _BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
_TYPES = {
    (8, "SB"): "i1",
    (8, "UB"): "u1",
    (16, "SS"): "i2",
    (16, "US"): "u2",
    (32, "SL"): "i4",
    (32, "UL"): "u4",
}
_LONGEST_TEXT = 64  # of a value of the type LO
_MOST_BYTES = 2**31
_START = 2**16


@dataclass(frozen=True)
class _Channel:
    """A channel.

    Attributes:
        group: Index of its multiplex group.
        number: Its index in the group.
        name: The lead's name.
        is_ecg: Whether its code, or the kind of file, says that it is an ECG lead.
        segment: Its samples; None if it is in no voltage.
    """

    group: int
    number: int
    name: str
    is_ecg: bool
    segment: Segment | None


@dataclass(frozen=True)
class _Read:
    """A file's leads.

    Attributes:
        timeline: The leads; the place of a segment is its channel.
        other: Names of the other channels.
        at_s: Start of each multiplex group with leads, s from the first sample.
    """

    timeline: Timeline
    other: tuple[str, ...]
    at_s: dict[int, float]


def is_own(path: Path) -> bool:
    """Return whether a DICOM file holds waveforms, not images."""
    with _guarded(path), path.open("rb") as file:
        meta = _meta(file.read(_START))
        return str(meta.get("MediaStorageSOPClassUID", _WAVEFORMS)).startswith(_WAVEFORMS)


def read(path: Path, hints: Hints) -> Recording:
    """Read the rhythm leads of all multiplex groups. See `ecgmodel.files.read_ecg`.

    Groups follow each other on one time axis. Averaged beats, and channels that are no ECG leads,
    are left out. The file is held in memory, its samples as stored.

    Raises:
        HintNeededError: The leads differ in rate, have no unit, or no channel is known as a lead.
        RecordError: The file is no waveform, damaged, or stored in a way that is not read.
    """
    with _guarded(path):
        dataset = _load(path)
        found = _read(dataset, hints, path)
        timeline = found.timeline
        return Recording(
            signal=timeline.signal,
            fs=timeline.fs,
            leads=timeline.leads,
            adc_ranges=(None,) * len(timeline.leads),
            other=(*timeline.other, *found.other),
            remarks=header_rate_remark(timeline.fs, hints),
            start=read_moment(str(dataset.get("AcquisitionDateTime", ""))),
            annotations=tuple(timed_annotations(dataset, found.at_s)),
            hints=hints,
        )


def rewrite(source: Path, ecg: Recording, into: Path, comment: str) -> None:
    """Write a copy with other samples in the leads; all other elements are kept.

    A changed file is another instance: it gets a new SOP Instance UID, its groups are called
    derived, and each changed channel names the instance and channel it was derived from.

    Raises:
        RecordError: The file is signed, or the new samples do not fit.
    """
    with _guarded(source):
        dataset = _load(source)
        timeline = _read(dataset, ecg.hints, source).timeline
        check_shape(ecg, timeline.shape, source)
        tables: dict[int, NDArray[Any]] = {}
        changed: set[tuple[int, int]] = set()
        for segment, start, lead in timeline.pieces(ecg.signal):
            group, number = segment.place
            limits, part = np.iinfo(segment.stored.dtype), slice(start, start + len(lead))
            numbers = segment.to_stored(lead, limits.min, limits.max, source)
            if not np.array_equal(numbers, segment.stored[part]):
                if group not in tables:
                    tables[group] = _table(dataset, group, source).copy()
                tables[group][part, number] = numbers
                changed.add((group, number))
        if not changed:
            shutil.copyfile(source, into / source.name)
            return
        if "DigitalSignaturesSequence" in dataset:
            raise not_rewritten(source, "it has a digital signature, which a change would break")
        for group, table in tables.items():
            item, data = dataset.WaveformSequence[group], table.tobytes()
            item.WaveformData = data + bytes(item.WaveformData)[len(data) :]
            item.WaveformOriginality = "DERIVED"
        _identify(dataset, tables.values(), sorted(changed), comment)
        dataset.save_as(into / source.name, enforce_file_format=False)


def _identify(
    dataset: Any, tables: Iterable[NDArray[Any]], changed: list[tuple[int, int]], comment: str
) -> None:
    """Give a changed instance an identity that refers to its source (PS3.3, C.10.9)."""
    from pydicom.dataset import Dataset

    kind, old = str(dataset.get("SOPClassUID", "")), str(dataset.get("SOPInstanceUID", ""))
    digest = hashlib.sha256(old.encode())
    for table in tables:
        digest.update(table.tobytes())
    new = f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, digest.hexdigest()).int}"
    dataset.SOPInstanceUID = new
    dataset.file_meta.MediaStorageSOPInstanceUID = new
    for group, number in changed:
        channel = dataset.WaveformSequence[group].ChannelDefinitionSequence[number]
        origin = Dataset()
        origin.ReferencedSOPClassUID, origin.ReferencedSOPInstanceUID = kind, old
        origin.ReferencedWaveformChannels = [group + 1, number + 1]
        channel.SourceWaveformSequence = [origin]
        if comment:
            text = comment.encode("ascii", "replace").decode().replace("\\", "/")
            channel.ChannelDerivationDescription = text[:_LONGEST_TEXT]


def _load(path: Path) -> Any:
    check_file(path, most=_MOST_BYTES)
    data = path.read_bytes()  # of a file, the library reserves as much memory as a length states
    if str(_meta(data[:_START]).get("TransferSyntaxUID", "")) == _DEFLATED:
        raise RecordError(
            f"{path.name}: its deflated transfer syntax is not read. Convert it, for example with "
            "dcmconv +te."
        )
    dataset = _pydicom().dcmread(io.BytesIO(data))
    if not dataset.get("WaveformSequence"):
        kind = dataset.get("SOPClassUID")
        name = getattr(kind, "name", "") if kind is not None else ""
        raise RecordError(f"{path.name} holds no waveform but {name[:60]!r}. Leave it out.")
    return dataset


def _meta(start: bytes) -> Any:
    """Return the meta information at the start of a file."""
    reading = _pydicom().filereader.read_partial
    return reading(io.BytesIO(start), stop_when=lambda tag, vr, length: tag.group > 2).file_meta


def _read(dataset: Any, hints: Hints, path: Path) -> _Read:
    is_ecg = str(dataset.get("SOPClassUID", "")).startswith(_ECG)
    groups = list(dataset.WaveformSequence)
    beats = averaged_beats(groups)
    channels = [
        channel
        for number, item in enumerate(groups)
        if number not in beats
        for channel in _channels(dataset, item, number, is_ecg, hints, path)
    ]
    able = [channel for channel in channels if channel.segment is not None]
    chosen = able if hints.columns else [channel for channel in able if channel.is_ecg]
    if not chosen:
        if able:
            raise HintNeededError(
                "--column",
                f"{path.name}: none of its channels is coded as an ECG lead. Name the leads with "
                f"--column. Channels: {listed([channel.name for channel in able])}.",
            )
        raise RecordError(f"{path.name} contains no channel in volts. Leave it out.")
    timeline = assemble([c.segment for c in chosen if c.segment], hints, path)
    other = [channel.name for channel in channels if channel not in chosen]
    other += [str(groups[i].get("MultiplexGroupLabel", "averaged beat"))[:40] for i in beats]
    at_s: dict[int, float] = {}
    for column in timeline.columns:
        for at, segment in column:
            at_s.setdefault(segment.place[0], at / timeline.fs)
    return _Read(timeline, tuple(other), at_s)


def _channels(
    dataset: Any, item: Any, group: int, is_ecg: bool, hints: Hints, path: Path
) -> Iterator[_Channel]:
    """Yield the channels of a group."""
    table = _table(dataset, group, path)
    fs = float(item.SamplingFrequency)
    at_s = float(item.get("MultiplexGroupTimeOffset") or 0.0) / 1000
    padding = bytes(item.get("WaveformPaddingValue") or b"")
    missing = None
    if len(padding) >= table.dtype.itemsize:
        missing = float(np.frombuffer(padding[: table.dtype.itemsize], table.dtype)[0])
    for number, definition in enumerate(item.ChannelDefinitionSequence):
        if number >= table.shape[1]:
            break
        name, coded = channel_name(definition, number)
        scale = _scale(definition, name, hints, path if coded or is_ecg else None)
        segment = None
        if scale is not None:
            segment = Segment(
                name, fs, table[:, number], *scale, missing, at_s, place=(group, number)
            )
        yield _Channel(group, number, name, coded or is_ecg, segment)


def _table(dataset: Any, group: int, path: Path) -> NDArray[Any]:
    """Return the numbers of a group, `(samples, channels)`.

    Raises:
        RecordError: They are stored in a way that is not read, or cut off.
    """
    item = dataset.WaveformSequence[group]
    kind = (int(item.WaveformBitsAllocated), str(item.WaveformSampleInterpretation))
    if kind not in _TYPES:
        raise RecordError(
            f"{path.name}: samples of {kind[0]} bits of the kind {kind[1][:4]!r} are not read. "
            "Export the recording with linear samples of 8, 16 or 32 bits."
        )
    big = str(dataset.file_meta.get("TransferSyntaxUID", "")) == _BIG_ENDIAN
    dtype = np.dtype(_TYPES[kind]).newbyteorder(">" if big else "<")
    shape = (int(item.NumberOfWaveformSamples), int(item.NumberOfWaveformChannels))
    size, data = shape[0] * shape[1] * dtype.itemsize, bytes(item.WaveformData)
    if min(shape) < 1 or len(data) < size:
        raise RecordError(
            f"{path.name}, group {group + 1}: expected {shape[0]:,} samples of {shape[1]} channels "
            f"in {size:,} bytes. Received: {len(data):,} bytes. Obtain the file again."
        )
    return np.frombuffer(data, dtype, shape[0] * shape[1]).reshape(shape)


def _scale(
    definition: Any, name: str, hints: Hints, path: Path | None
) -> tuple[float, float] | None:
    """Return a channel's unit and the value of number 0, mV; None if it is in no voltage.

    Args:
        definition: The channel's definition.
        name: Its name, for errors.
        hints: Information from the user.
        path: The file, to ask for a unit that is not stated; None not to ask.

    Raises:
        HintNeededError: The unit is unknown.
    """
    units = definition.get("ChannelSensitivityUnitsSequence") or ()
    code = str(units[0].get("CodeValue", "")) if units else ""
    step = definition.get("ChannelSensitivity")
    unit = millivolts(code)
    if code and unit is None:
        return None
    if unit is None or step is None:
        unit = hints.scale or (1 / hints.gain if hints.gain else None)
        if unit is None:
            if path is None:
                return None
            raise HintNeededError(
                "--gain",
                f"{path.name}, channel {name}: the file states no unit. Give the ADC units per mV "
                "with --gain, or the unit with --unit.",
            )
    factor = float(step if step is not None else 1.0)
    factor *= float(definition.get("ChannelSensitivityCorrectionFactor") or 1.0)
    if not (np.isfinite(factor) and factor):
        if path is None:
            return None
        raise RecordError(
            f"{path.name}, channel {name}: its sensitivity is {factor:g}. Export it again."
        )
    return factor * unit, float(definition.get("ChannelBaseline") or 0.0) * unit


def _pydicom() -> Any:
    try:
        import pydicom
        import pydicom.filereader
    except ImportError:
        raise MissingLibraryError(
            "DICOM files take the library pydicom: pip install pydicom."
        ) from None
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # its warnings quote values
    return pydicom


@contextmanager
def _guarded(path: Path) -> Iterator[None]:
    """Hide the library's warnings and errors, which may quote a patient's data."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (EcgError, OSError, MemoryError):
        raise
    except Exception as error:
        raise RecordError(
            f"{path.name} is no DICOM file, or damaged ({type(error).__name__}). Obtain it again."
        ) from None
