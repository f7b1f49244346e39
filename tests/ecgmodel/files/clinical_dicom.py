"""DICOM waveform files, made by the standard's modules (PS3.3, C.10.9) with pydicom."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from ecgmodel.files import Ecg
from tests.ecgmodel.files.clinical import CODES, MISSING, PATIENT, PATIENT_ID, UID, microvolts

TWELVE_LEAD = "1.2.840.10008.5.1.4.1.1.9.1.1"
GENERAL = "1.2.840.10008.5.1.4.1.1.9.1.2"
HEMODYNAMIC = "1.2.840.10008.5.1.4.1.1.9.2.1"
KINDS = {"int16": (16, "SS"), "uint16": (16, "US"), "int8": (8, "SB"), "uint8": (8, "UB")}


def coded(value: str, scheme: str, meaning: str) -> Dataset:
    """Return an item of a sequence of codes."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def channel(name: str, unit: str = "uV", scheme: str = "MDC", **fields: Any) -> Dataset:
    """Return the definition of a channel; `fields` override its own."""
    item = Dataset()
    value = {"MDC": "2:", "SCPECG": "5.6.3-9-"}[scheme] + str(CODES.get(name, 999))
    item.ChannelSourceSequence = [coded(value, scheme, f"Lead {name}")]
    item.ChannelSensitivity, item.ChannelSensitivityCorrectionFactor = 1, 1
    item.ChannelSensitivityUnitsSequence = [coded(unit, "UCUM", unit)]
    item.ChannelBaseline, item.WaveformBitsStored, item.ChannelSampleSkew = 0, 16, 0
    for field, given in fields.items():
        setattr(item, field, given)
    return item


def group(
    numbers: NDArray[Any],
    channels: Sequence[Dataset],
    fs: float,
    label: str = "RHYTHM",
    origin: str = "ORIGINAL",
    at_ms: float | None = None,
) -> Dataset:
    """Return a multiplex group of numbers `(samples, channels)`."""
    item = Dataset()
    item.WaveformOriginality, item.MultiplexGroupLabel = origin, label
    if at_ms is not None:
        item.MultiplexGroupTimeOffset = at_ms
    item.NumberOfWaveformSamples, item.NumberOfWaveformChannels = numbers.shape
    item.SamplingFrequency = fs
    item.ChannelDefinitionSequence = list(channels)
    bits, kind = KINDS[numbers.dtype.name]
    item.WaveformBitsAllocated, item.WaveformSampleInterpretation = bits, kind
    item.add_new("WaveformPaddingValue", "OW", np.array(MISSING, "<i2").tobytes())
    if numbers.dtype.name != "int16":
        del item.WaveformPaddingValue
    data = numbers.tobytes()
    item.add_new("WaveformData", "OB" if bits == 8 else "OW", data + b"\0" * (len(data) % 2))
    return item


def instance(groups: Sequence[Dataset], kind: str = TWELVE_LEAD, **fields: Any) -> bytes:
    """Return a file with these multiplex groups."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = kind, UID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.SOPClassUID, made.SOPInstanceUID = kind, UID
    made.StudyInstanceUID, made.SeriesInstanceUID = f"{UID}.1", f"{UID}.2"
    made.Modality, made.InstanceNumber = "ECG", 1
    made.PatientName, made.PatientID = f"{PATIENT}^Arthur", PATIENT_ID
    made.PatientBirthDate, made.PatientSex = "19520311", "O"
    made.add_new(0x00091010, "LO", "private")
    for field, given in fields.items():
        setattr(made, field, given)
    made.WaveformSequence = list(groups)
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def dicom(ecg: Ecg) -> bytes:
    """Return a 12-lead ECG with a group of rhythm and one of an averaged beat."""
    numbers = microvolts(ecg, MISSING)
    channels = [channel(name) for name in ecg.leads]
    beat = numbers[: round(ecg.fs / 2)]
    fields = {"AcquisitionDateTime": f"{ecg.start:%Y%m%d%H%M%S}"} if ecg.start else {}
    rhythm, median = (
        group(numbers, channels, ecg.fs),
        group(beat, channels, ecg.fs, "MEDIAN BEAT", "DERIVED"),
    )
    return instance([rhythm, median], **fields)
