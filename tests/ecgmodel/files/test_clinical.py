"""Files of recorders are recognised, read and written back, and a patient's name goes nowhere."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ecgmodel.cli.main import cli
from ecgmodel.errors import EcgError, MissingFileError, RecordError
from ecgmodel.files import (
    Hints,
    created_formats,
    files_of,
    find_recordings,
    format_of,
    open_ecg,
    read_ecg,
    write_ecg,
    written_name,
)
from tests.ecgmodel.files.clinical import (
    FORMATS,
    PATIENT,
    PATIENT_ID,
    TWELVE,
    twelve,
    write_clinical,
)

CHANGED = ("id", "digits", "WaveFormData", "LeadDataCRC32", "parsedwaveforms")


def cleaned_of(signal: np.ndarray) -> np.ndarray:
    """Return a signal in whole microvolts, unlike the given one everywhere."""
    return np.round(0.6 * signal + 0.05, 3)


def without_data(data: bytes) -> bytes:
    """Return an XML document without the texts and ids that cleaning may change."""
    for name in CHANGED:
        pattern = rf"(<{name}\b[^>]*>)[^<]*(</{name}>)"
        data = re.sub(pattern.encode(), rb"\1\2", data)
    return re.sub(rb'<!-- derived[^>]*-->|(?<=id root=")[^"]*', b"", data)


@pytest.mark.parametrize("format", FORMATS)
def test_leads_are_read_and_written_back(tmp_path: Path, format: str) -> None:
    made = twelve()
    path = write_clinical(tmp_path, format, made)
    assert format_of(path) == format
    read = read_ecg(path)
    assert (read.leads, read.fs, read.start) == (TWELVE, made.fs, made.start)
    np.testing.assert_allclose(read.signal, made.signal, atol=1e-9)
    (same,) = write_ecg(path, read, tmp_path / "same", comment="")
    assert same.read_bytes() == path.read_bytes()
    cleaned = cleaned_of(made.signal)
    (out,) = write_ecg(path, cleaned, tmp_path / "out", comment="cleaned by a test")
    again = read_ecg(out)
    np.testing.assert_allclose(again.signal, cleaned, atol=1e-9)
    assert replace(again, signal=0) == replace(read, signal=0)
    if path.suffix == ".xml":
        assert without_data(out.read_bytes()) == without_data(path.read_bytes())


@pytest.mark.parametrize("format", FORMATS)
def test_only_the_named_leads_change(tmp_path: Path, format: str) -> None:
    path = write_clinical(tmp_path, format, twelve())
    hints = Hints(columns=("V2", 2))
    read = read_ecg(path, hints)
    assert read.leads == ("V2", "II")
    assert set(TWELVE) - {"V2", "II"} <= set(read.other)
    (out,) = write_ecg(
        path, replace(read, signal=cleaned_of(read.signal)), tmp_path / "o", comment=""
    )
    before, after = read_ecg(path).signal, read_ecg(out).signal
    for i, name in enumerate(TWELVE):
        expected = cleaned_of(before[:, i]) if name in ("II", "V2") else before[:, i]
        np.testing.assert_allclose(after[:, i], expected, atol=1e-9, err_msg=name)
    with pytest.raises(RecordError, match="no column 'V9'"):
        read_ecg(path, Hints(columns=("V9",)))


@pytest.mark.parametrize("format", FORMATS)
def test_a_patient_is_named_nowhere(
    tmp_path: Path, format: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    path = write_clinical(tmp_path / "in", format, twelve())
    assert PATIENT.encode() in path.read_bytes()
    read = read_ecg(path)
    told = [repr(replace(read, signal=0)), caplog.text]
    for other in created_formats():
        for out in write_ecg(path, read, tmp_path / other, comment="cleaned", format=other):
            told.append(out.read_bytes().decode("latin-1"))
    data = bytearray(path.read_bytes())
    for cut in range(0, len(data), max(1, len(data) // 40)):
        path.write_bytes(data[:cut] + data[cut + 3 :])
        try:
            read_ecg(path)
        except EcgError as error:
            told.append(f"{error!r} {error.__cause__!r}")
    everything = "\n".join([*told, caplog.text])
    assert len(told) > 9
    for name in (PATIENT, PATIENT_ID, "Arthur"):
        assert name not in everything


@pytest.mark.parametrize("format", FORMATS)
def test_no_other_format_is_converted_to_it(tmp_path: Path, format: str) -> None:
    np.save(tmp_path / "a.npy", twelve().signal)
    read = read_ecg(tmp_path / "a.npy", Hints(fs=500, unit="mV"))
    with pytest.raises(RecordError, match=rf"cannot be converted to {format}.*edf"):
        write_ecg(tmp_path / "a.npy", read, tmp_path / "out", comment="", format=format)
    assert not (tmp_path / "out").exists()
    command = ["denoise", str(tmp_path / "a.npy"), "--out", str(tmp_path / "o"), "--format", format]
    said = CliRunner().invoke(cli, command)
    assert said.exit_code == 2
    assert "expected one of bdf, csv, edf" in said.output


def test_xml_and_dicom_files_are_recognised_by_content(tmp_path: Path) -> None:
    for format in FORMATS:
        write_clinical(tmp_path / "a", format, twelve(1), name=format)
    (tmp_path / "a/settings.xml").write_text("<?xml version='1.0'?><settings><a/></settings>")
    (tmp_path / "a/damaged.xml").write_bytes((tmp_path / "a/muse.xml").read_bytes()[:3000])
    dicom = (tmp_path / "a/dicom.dcm").read_bytes()
    image = dicom.replace(
        b"1.2.840.10008.5.1.4.1.1.9.1.1\0", b"1.2.840.10008.5.1.4.1.1.7\0\0\0\0\0"
    )
    (tmp_path / "a/image.dcm").write_bytes(image)
    (tmp_path / "a/notes.ecg").write_text("nothing")
    found = [path.name for path in find_recordings([tmp_path / "a"])]
    names = [f"{format}.xml" for format in ("aecg", "muse", "philips")]
    assert found == sorted([*names, "damaged.xml", "dicom.dcm", "ishne.ecg", "scp.scp"])
    for name in ("settings.xml", "notes.ecg"):
        with pytest.raises(RecordError, match=rf"{name} is none of the formats.*SCP|HL7.*Philips"):
            read_ecg(tmp_path / "a" / name)
    every = find_recordings([str(tmp_path / "a/*.xml")])
    assert [path.name for path in every] == sorted([*names, "damaged.xml", "settings.xml"])
    assert files_of(tmp_path / "a/settings.xml") == [tmp_path / "a/settings.xml"]
    assert written_name(tmp_path / "a/settings.xml", "wfdb") == "settings"
    with pytest.raises(MissingFileError, match=r"nothing\.xml"):
        read_ecg(tmp_path / "nothing.xml")
    (tmp_path / "upper.ECG").write_bytes((tmp_path / "a/scp.scp").read_bytes())
    assert format_of(tmp_path / "upper.ECG") == "scp"


@pytest.mark.parametrize("format", FORMATS)
def test_a_changed_file_replaces_an_older_one_and_foreign_xml(tmp_path: Path, format: str) -> None:
    path = write_clinical(tmp_path / "in", format, twelve(1))
    out = tmp_path / "out" / path.name
    out.parent.mkdir()
    out.write_text("<older/>")
    read = read_ecg(path)
    write_ecg(path, 0.5 * read.signal, out.parent, comment="")
    np.testing.assert_allclose(read_ecg(out).signal, 0.5 * read.signal, atol=1.1e-3)


@pytest.mark.parametrize("format", FORMATS)
def test_samples_that_do_not_fit_are_refused(tmp_path: Path, format: str) -> None:
    path = write_clinical(tmp_path / "in", format, twelve(1))
    huge = read_ecg(path).signal * 1e9
    with pytest.raises(RecordError, match=r"--format"):
        write_ecg(path, huge, tmp_path / "out", comment="")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("format", FORMATS)
def test_the_header_wins_over_a_rate_that_was_given(tmp_path: Path, format: str) -> None:
    path = write_clinical(tmp_path, format, twelve(1))
    read = open_ecg(path, Hints(fs=250))
    assert read.fs == 500
    assert any("500 Hz is used instead of 250 Hz" in remark for remark in read.remarks)


def test_dicom_files_on_media_have_no_suffix(tmp_path: Path) -> None:
    path = write_clinical(tmp_path / "made", "dicom", twelve(1))
    for name in ("a/IM000001", "a/1.2.840.113"):
        (tmp_path / "a").mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(path.read_bytes())
    (tmp_path / "a/README").write_text("x" * 500)
    found = find_recordings([tmp_path / "a"])
    assert [each.name for each in found] == ["1.2.840.113", "IM000001"]
    assert {format_of(each) for each in found} == {"dicom"}
    (out,) = write_ecg(found[1], 0.5 * read_ecg(found[1]).signal, tmp_path / "out", comment="")
    write_ecg(found[1], read_ecg(found[1]), tmp_path / "out", comment="")  # over an older one
    assert out.name == "IM000001"
    assert read_ecg(out).leads == TWELVE


def test_a_foreign_file_does_not_stop_the_others(tmp_path: Path) -> None:
    write_clinical(tmp_path / "a", "muse", twelve(10), name="good")
    (tmp_path / "a/other.xml").write_text("<other/>")
    command = [
        "denoise",
        str(tmp_path / "a/*.xml"),
        "--out",
        str(tmp_path / "o"),
        "--format",
        "wfdb",
    ]
    said = CliRunner().invoke(cli, command)
    assert said.exit_code == 3
    assert "other.xml is none of the formats" in said.output
    assert (tmp_path / "o/good.hea").is_file()
