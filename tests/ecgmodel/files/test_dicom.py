"""What is special about DICOM waveforms: groups, channels, units, codes and identities."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from ecgmodel.errors import HintNeededError, RecordError
from ecgmodel.files import Annotation, Hints, read_ecg, write_ecg
from tests.ecgmodel.files.clinical import MISSING, TWELVE, UID, microvolts, twelve
from tests.ecgmodel.files.clinical_dicom import (
    GENERAL,
    HEMODYNAMIC,
    channel,
    coded,
    dicom,
    group,
    instance,
)
from tests.ecgmodel.files.test_clinical import cleaned_of

ECG = twelve()
NUMBERS = microvolts(ECG)
FS = ECG.fs


def put(folder: Path, data: bytes) -> Path:
    path = folder / "a.dcm"
    path.write_bytes(data)
    return path


def elements(path: Path) -> dict[str, Any]:
    """Return all elements of a file, sequences included, by their place."""
    found: dict[str, Any] = {}

    def walk(dataset: Dataset, at: str) -> None:
        for element in dataset:
            if element.VR == "SQ":
                for i, item in enumerate(element.value):
                    walk(item, f"{at}{element.keyword}[{i}].")
            else:
                found[f"{at}{element.keyword or element.tag}"] = (element.VR, element.value)

    dataset = pydicom.dcmread(path)
    walk(dataset.file_meta, "meta.")
    walk(dataset, "")
    return found


def test_only_what_must_change_changes(tmp_path: Path) -> None:
    path = put(tmp_path, dicom(ECG))
    cleaned = cleaned_of(read_ecg(path).signal)
    cleaned[:, 11] = read_ecg(path).signal[:, 11]
    (out,) = write_ecg(path, cleaned, tmp_path / "out", comment="cleaned by a \\ test " + "x" * 80)
    before, after = elements(path), elements(out)
    new = {key for key in after if key not in before}
    changed = {key for key in before if before[key] != after.get(key)}
    assert changed == {
        "meta.FileMetaInformationGroupLength",
        "meta.MediaStorageSOPInstanceUID",
        "SOPInstanceUID",
        "WaveformSequence[0].WaveformOriginality",
        "WaveformSequence[0].WaveformData",
    }
    assert (
        after["SOPInstanceUID"]
        == after["meta.MediaStorageSOPInstanceUID"]
        != before["SOPInstanceUID"]
    )
    of = "WaveformSequence[0].ChannelDefinitionSequence[{}]."
    source = of + "SourceWaveformSequence[0]."
    assert {key.split("[0].", 1)[1] for key in new if "[3]" in key} == {
        key.format(3).split("[0].", 1)[1]
        for key in (
            source + "ReferencedSOPClassUID",
            source + "ReferencedSOPInstanceUID",
            source + "ReferencedWaveformChannels",
            of + "ChannelDerivationDescription",
        )
    }
    assert after[source.format(3) + "ReferencedSOPInstanceUID"][1] == UID
    assert after[source.format(3) + "ReferencedWaveformChannels"][1] == [1, 4]
    assert after[of.format(3) + "ChannelDerivationDescription"][1].startswith("cleaned by a / test")
    assert not [key for key in new if "[11]" in key]  # that channel did not change
    numbers = pydicom.dcmread(out).waveform_array(0)
    np.testing.assert_allclose(numbers, 1000 * cleaned, atol=1e-6)
    (again,) = write_ecg(path, cleaned, tmp_path / "more", comment="x")
    assert elements(again)["SOPInstanceUID"] == after["SOPInstanceUID"]
    assert read_ecg(out).leads == TWELVE  # a derived rhythm is read, its averaged beat is not


@pytest.mark.parametrize("kind", ["int16", "uint16", "int8", "uint8"])
@pytest.mark.parametrize(("unit", "in_mv"), [("uV", 1e-3), ("mV", 1.0), ("V", 1e3), ("nV", 1e-6)])
def test_numbers_and_units(tmp_path: Path, kind: str, unit: str, in_mv: float) -> None:
    """Value = number x sensitivity x correction + baseline (PS3.3, C.10.9.1.4)."""
    wide = "16" in kind
    limits = np.iinfo(kind)
    sensitivity, correction, baseline = ((1, 1.25) if wide else (20, 0.8)) + (-0.05 / in_mv,)
    step = sensitivity * correction * 1e-3 / in_mv
    offset = 0 if limits.min else (limits.max + 1) // 2
    numbers = np.round(ECG.signal / in_mv / step * 1.0 + offset).clip(limits.min, limits.max)
    made = numbers.astype(kind)
    fields = {
        "ChannelSensitivity": f"{sensitivity * 1e-3 / in_mv:.10g}",
        "ChannelSensitivityCorrectionFactor": f"{correction:.10g}",
        "ChannelBaseline": f"{baseline:.10g}",
    }
    channels = [channel(name, unit, **fields) for name in TWELVE]
    path = put(tmp_path, instance([group(made, channels, FS)]))
    read = read_ecg(path)
    expected = pydicom.dcmread(path).waveform_array(0) * in_mv
    np.testing.assert_allclose(read.signal, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(read.signal, (made * step + baseline) * in_mv, atol=1e-6)
    (out,) = write_ecg(path, 0.9 * read.signal, tmp_path / "out", comment="")
    again = pydicom.dcmread(out).waveform_array(0) * in_mv
    np.testing.assert_allclose(again, 0.9 * read.signal, atol=0.51 * step * in_mv)


@pytest.mark.parametrize("scheme", ["MDC", "SCPECG"])
def test_leads_are_named_by_their_codes(tmp_path: Path, scheme: str) -> None:
    channels = [channel(name, scheme=scheme) for name in TWELVE]
    for item in channels:
        item.ChannelSourceSequence[0].CodeMeaning = "something else"
    path = put(tmp_path, instance([group(NUMBERS, channels, FS)]))
    assert read_ecg(path).leads == TWELVE
    for item, label in zip(channels, TWELVE, strict=True):
        item.ChannelSourceSequence = [coded("1", "99VENDOR", f"Lead {label.upper()}")]
    assert read_ecg(put(tmp_path, instance([group(NUMBERS, channels, FS)]))).leads == TWELVE


def test_pressures_stay_untouched(tmp_path: Path) -> None:
    art = channel("II", "mm[Hg]")
    art.ChannelSourceSequence = [coded("2:18960", "MDC", "Arterial pressure")]
    groups = [
        group(NUMBERS[:, :3], [channel("I"), art, channel("V1")], FS),
        group(NUMBERS[:, 3:4], [art], 100),
    ]
    path = put(tmp_path, instance(groups, HEMODYNAMIC))
    read = read_ecg(path)
    assert (read.leads, read.other) == (("I", "V1"), ("Arterial pressure",) * 2)
    (out,) = write_ecg(path, cleaned_of(read.signal), tmp_path / "out", comment="")
    before, after = pydicom.dcmread(path), pydicom.dcmread(out)
    np.testing.assert_array_equal(before.waveform_array(0)[:, 1], after.waveform_array(0)[:, 1])
    assert before.WaveformSequence[1] == after.WaveformSequence[1]
    del art.ChannelSensitivity, art.ChannelSensitivityUnitsSequence
    assert read_ecg(put(tmp_path, instance(groups, HEMODYNAMIC))).leads == ("I", "V1")
    uncoded = channel("II", "mV")
    uncoded.ChannelSourceSequence = [coded("2:4711", "MDC", "His bundle")]
    path = put(tmp_path, instance([group(NUMBERS[:, :1], [uncoded], FS)], HEMODYNAMIC))
    with pytest.raises(HintNeededError, match=r"none of its channels is coded.*'His bundle'"):
        read_ecg(path)
    assert read_ecg(path, Hints(columns=("His bundle",))).leads == ("His bundle",)


def test_groups_that_follow_each_other_are_one_recording(tmp_path: Path) -> None:
    groups = [
        group(
            NUMBERS[500 * i : 500 * (i + 1), 3 * i : 3 * i + 3],
            [channel(name) for name in TWELVE[3 * i : 3 * i + 3]],
            FS,
            at_ms=1000.0 * i,
        )
        for i in range(4)
    ]
    groups.append(group(NUMBERS[:, 1:2], [channel("II")], FS, "RHYTHM STRIP", at_ms=0))
    path = put(tmp_path, instance(groups, GENERAL))
    read = read_ecg(path)
    assert read.leads == (*TWELVE, "II (2)")
    for i in range(12):
        inside = slice(500 * (i // 3), 500 * (i // 3 + 1))
        np.testing.assert_allclose(read.signal[inside, i], NUMBERS[inside, i] / 1000)
        assert np.isfinite(read.signal[:, i]).sum() == 500
    np.testing.assert_allclose(read.signal[:, 12], NUMBERS[:, 1] / 1000)
    cleaned = cleaned_of(read.signal)
    (out,) = write_ecg(path, cleaned, tmp_path / "out", comment="")
    np.testing.assert_allclose(read_ecg(out).signal, cleaned, atol=1e-9)


def test_groups_of_different_rates_are_a_question(tmp_path: Path) -> None:
    groups = [
        group(NUMBERS[:, :2], [channel("I"), channel("II")], 500),
        group(NUMBERS[:, 6:7], [channel("V1")], 1000),
    ]
    path = put(tmp_path, instance(groups, GENERAL))
    with pytest.raises(HintNeededError, match=r"different rates \(500, 1000 Hz\).*--column"):
        read_ecg(path)
    assert read_ecg(path, Hints(columns=("V1",))).fs == 1000


def test_an_averaged_beat_without_a_label_is_no_rhythm(tmp_path: Path) -> None:
    channels = [channel(name) for name in TWELVE]
    beat = group(NUMBERS[:600], channels, FS, "", "DERIVED")
    path = put(tmp_path, instance([beat, group(NUMBERS, channels, FS, "")]))
    assert read_ecg(path).signal.shape == NUMBERS.shape
    (out,) = write_ecg(path, 0.5 * read_ecg(path).signal, tmp_path / "out", comment="")
    assert read_ecg(out).signal.shape == NUMBERS.shape
    assert pydicom.dcmread(out).WaveformSequence[0] == pydicom.dcmread(path).WaveformSequence[0]


def test_missing_samples_have_the_padding_value(tmp_path: Path) -> None:
    made = replace(ECG, signal=ECG.signal.copy())
    made.signal[100:150, 4] = np.nan
    path = put(tmp_path, dicom(made))
    assert pydicom.dcmread(path).waveform_array(0)[120, 4] == MISSING
    read = read_ecg(path)
    np.testing.assert_array_equal(np.isnan(read.signal), np.isnan(made.signal))
    (out,) = write_ecg(path, 0.5 * read.signal, tmp_path / "out", comment="")
    assert pydicom.dcmread(out).waveform_array(0)[120, 4] == MISSING


def test_coded_annotations_have_times(tmp_path: Path) -> None:
    def note(name: str, kind: str, places: list[int], channels: list[int]) -> Dataset:
        item = Dataset()
        item.ConceptNameCodeSequence = [coded("10:448", "MDC", name)]
        item.TemporalRangeType, item.ReferencedSamplePositions = kind, places
        item.ReferencedWaveformChannels = channels
        return item

    text = Dataset()
    text.UnformattedTextValue, text.ReferencedWaveformChannels = "Mr. Zaphodsson", [1, 1]
    text.ReferencedSamplePositions = [5]
    notes = [
        note("QRS wave", "POINT", [501], [1, 0]),
        note("P wave", "SEGMENT", [251, 301], [1, 2]),
        note("QT", "POINT", [7], [2, 1]),  # of the averaged beat
        text,
    ]
    data = pydicom.dcmread(io.BytesIO(dicom(ECG)))
    data.WaveformAnnotationSequence = notes
    data.save_as(tmp_path / "a.dcm")
    assert read_ecg(tmp_path / "a.dcm").annotations == (
        Annotation(1.0, None, "QRS wave"),
        Annotation(0.5, pytest.approx(0.1), "P wave"),
    )


def test_a_real_recording_of_a_hospital(tmp_path: Path) -> None:
    """The library's own example, anonymised: 12 leads of 10 s at 1000 Hz, and an averaged beat."""
    example = Path(pydicom.__file__).parent / "data/test_files/waveform_ecg.dcm"
    path = put(tmp_path, example.read_bytes())
    read = read_ecg(path)
    assert (read.leads, read.fs, read.signal.shape) == (TWELVE, 1000, (10_000, 12))
    assert (read.other, read.remarks) == (("MEDIAN BEAT",), ())
    assert {each.text for each in read.annotations} >= {"P Onset", "QRS Onset", "T Offset"}
    original = pydicom.dcmread(path)
    np.testing.assert_allclose(1000 * read.signal, original.waveform_array(0))
    (out,) = write_ecg(path, 0.5 * read.signal, tmp_path / "out", comment="cleaned")
    written = pydicom.dcmread(out)
    np.testing.assert_allclose(written.waveform_array(0), 500 * read.signal, atol=0.63)
    assert written.WaveformSequence[1] == original.WaveformSequence[1]
    changed = [e.keyword for e in original if e != written[e.tag]]
    assert changed == ["SOPInstanceUID", "WaveformSequence"]


def test_what_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    channels = [channel(name) for name in TWELVE]
    data = pydicom.dcmread(io.BytesIO(instance([group(NUMBERS, channels, FS)])))

    def refused(said: str, **changes: object) -> None:
        item = data.WaveformSequence[0]
        old = {key: item[key].value for key in changes}
        for key, value in changes.items():
            setattr(item, key, value)
        data.save_as(tmp_path / "b.dcm")
        with pytest.raises(RecordError, match=rf"b\.dcm.*{said}"):
            read_ecg(tmp_path / "b.dcm")
        for key, value in old.items():
            setattr(item, key, value)

    refused("samples of 16 bits of the kind 'MB'", WaveformSampleInterpretation="MB")
    refused(r"expected 2,001 samples.*Received: 48,000", NumberOfWaveformSamples=2001)
    refused("sampling rate", SamplingFrequency=0)
    del data.WaveformSequence[0].ChannelDefinitionSequence[3].ChannelSensitivity
    data.save_as(tmp_path / "a.dcm")
    with pytest.raises(HintNeededError, match=r"channel aVR: the file states no unit.*--gain"):
        read_ecg(tmp_path / "a.dcm")
    given = read_ecg(tmp_path / "a.dcm", Hints(gain=1000))
    np.testing.assert_allclose(given.signal, NUMBERS / 1000)
    signed = Dataset()
    signed.MACIDNumber = 1
    data.DigitalSignaturesSequence = [signed]
    data.WaveformSequence[0].ChannelDefinitionSequence[3].ChannelSensitivity = 1
    data.save_as(tmp_path / "a.dcm")
    read = read_ecg(tmp_path / "a.dcm")
    with pytest.raises(RecordError, match=r"digital signature.*--format"):
        write_ecg(tmp_path / "a.dcm", 0.5 * read.signal, tmp_path / "out", comment="")
    data.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    data.save_as(tmp_path / "a.dcm")
    with pytest.raises(RecordError, match="deflated transfer syntax is not read"):
        read_ecg(tmp_path / "a.dcm")
    del data.WaveformSequence
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.save_as(tmp_path / "a.dcm")
    with pytest.raises(RecordError, match="holds no waveform but 'CT Image Storage'"):
        read_ecg(tmp_path / "a.dcm")


@pytest.mark.parametrize("syntax", ["ImplicitVRLittleEndian", "ExplicitVRBigEndian"])
def test_other_transfer_syntaxes(tmp_path: Path, syntax: str) -> None:
    data = pydicom.dcmread(io.BytesIO(dicom(ECG)))
    for item in data.WaveformSequence:  # the library exchanges no bytes of samples
        if "Big" in syntax:
            for name in ("WaveformData", "WaveformPaddingValue"):
                item[name].value = np.frombuffer(item[name].value, "<i2").astype(">i2").tobytes()
    data.file_meta.TransferSyntaxUID = getattr(pydicom.uid, syntax)
    little = "Little" in syntax
    pydicom.dcmwrite(
        tmp_path / "a.dcm", data, little_endian=little, implicit_vr=syntax.startswith("Implicit")
    )
    read = read_ecg(tmp_path / "a.dcm")
    np.testing.assert_allclose(read.signal, ECG.signal, atol=1e-9)
    (out,) = write_ecg(tmp_path / "a.dcm", 0.5 * read.signal, tmp_path / "out", comment="x")
    np.testing.assert_allclose(read_ecg(out).signal, 0.5 * read.signal, atol=5.1e-4)
    assert pydicom.dcmread(out).file_meta.TransferSyntaxUID.keyword == syntax
