"""Samples are read as stored: each signal at its own rate, with its gaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecgmodel.errors import RecordError
from ecgmodel.wfdb.millivolts import read_recording
from ecgmodel.wfdb.reading import read_stored_record
from tests.wfdb_files import ecg, write_frames, write_record


def test_all_samples_of_a_frame_are_read(tmp_path: Path) -> None:
    signal = ecg(10, 360)
    signal[1001:1003] = np.nan
    path = write_frames(tmp_path, "a", 90, {"II": (4, signal), "ABP": (1, np.arange(900) / 200)})
    stored = read_stored_record(path, "own/a")
    assert (stored.frame_fs, stored.frames) == (90, 900)
    assert [len(channel.digital) for channel in stored.channels] == [3600, 900]
    recording = read_recording(path, "own/a", start_s=2, seconds=3)
    assert recording.fs == 360
    np.testing.assert_allclose(recording.signal[:, 0], signal[720:1800], atol=0.0026)


def test_leads_of_different_rates_are_refused(tmp_path: Path) -> None:
    path = write_frames(tmp_path, "a", 90, {"II": (4, ecg(10, 360)), "V5": (2, ecg(10, 180))}, "mV")
    with pytest.raises(RecordError, match=r"own/a.*II 360 Hz, V5 180 Hz.*--column"):
        read_recording(path, "own/a")


def test_a_damaged_frame_is_refused(tmp_path: Path) -> None:
    path = write_frames(tmp_path, "a", 90, {"II": (4, ecg(10, 360))})
    data = tmp_path / "a.dat"
    data.write_bytes(data.read_bytes()[:-2] + b"\x01\x01")
    with pytest.raises(RecordError, match="checksum"):
        read_stored_record(path, "own/a")


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "latin-1"])
def test_characters_beyond_ascii_are_read(tmp_path: Path, coding: str) -> None:
    path = write_record(tmp_path, "a", 1000 * ecg(5, 250), 250, ("EKG X",), 1.0, units="uV")
    header = tmp_path / "a.hea"
    text = header.read_text().replace("/uV", "/\u00b5V").replace("EKG X", "EKG \u00dc")
    header.write_bytes((text + "#Name: J\u00fcrgen M\u00fcller\n#\n").encode(coding))
    stored = read_stored_record(path, "own/a")
    assert (stored.channels[0].name, stored.channels[0].unit) == ("EKG \u00dc", "uV")
    assert stored.comments == ("#Name: J\u00fcrgen M\u00fcller", "#")
    assert read_recording(path, "own/a").signal.max() == pytest.approx(1.2, abs=0.1)


def test_segments_in_different_formats_have_their_own_gaps(tmp_path: Path) -> None:
    parts = [ecg(10, 250, seed=seed) for seed in (1, 2)]
    for name, fmt, part in zip("ab", ("212", "16"), parts, strict=True):
        part[100:150] = np.nan
        write_record(tmp_path, name, part, 250, fmt=fmt)
    (tmp_path / "both.hea").write_text("both/3 1 250 5100\na 2500\n~ 100\nb 2500\n")
    digital = read_stored_record(tmp_path / "both", "own/both").channels[0].digital
    expected = np.concatenate([parts[0], np.full(100, np.nan), parts[1]])
    np.testing.assert_allclose(digital / 200, expected, atol=0.0026)


def test_a_lead_that_no_segment_has_is_missing(tmp_path: Path) -> None:
    write_record(tmp_path, "a", ecg(10, 250), 250, leads=("II",))
    lines = ("layout 2 250 0", "~ 0 200/mV 16 0 0 0 0 II", "~ 0 200/mV 16 0 0 0 0 V5")
    (tmp_path / "layout.hea").write_text("\n".join(lines) + "\n")
    (tmp_path / "both.hea").write_text("both/2 2 250 2500\nlayout 0\na 2500\n")
    recording = read_recording(tmp_path / "both", "own/both")
    assert recording.leads == ("II", "V5")
    assert np.isnan(recording.signal).all(axis=0).tolist() == [False, True]


def test_segments_of_another_rate_are_refused(tmp_path: Path) -> None:
    write_record(tmp_path, "a", ecg(10, 250), 250)
    write_record(tmp_path, "b", ecg(10, 125), 125)
    (tmp_path / "both.hea").write_text("both/2 1 250 3750\na 2500\nb 1250\n")
    with pytest.raises(RecordError, match=r"segment b .*250 Hz.*125 Hz"):
        read_stored_record(tmp_path / "both", "own/both")


def test_skewed_signals_are_aligned(tmp_path: Path) -> None:
    signal = ecg(10, 360)
    stored = np.concatenate([np.zeros(20), signal[:-20]])  # twenty samples late
    path = write_frames(tmp_path, "a", 90, {"II": (4, stored), "ABP": (1, np.zeros(900))})
    header = tmp_path / "a.hea"
    header.write_text(header.read_text().replace("16x4", "16x4:5"))
    found = read_recording(path, "own/a").signal[:, 0]
    np.testing.assert_allclose(found[:-20], signal[:-20], atol=0.0026)
    assert np.isnan(found[-20:]).all()
    part = read_recording(path, "own/a", start_s=1, seconds=2).signal[:, 0]
    np.testing.assert_allclose(part, signal[360:1080], atol=0.0026)


def test_duplicate_names_get_numbers(tmp_path: Path) -> None:
    path = write_record(tmp_path, "a", np.stack([ecg(2, 250)] * 3, axis=1), 250, ("x", "y", "z"))
    header = tmp_path / "a.hea"
    text = header.read_text()
    for old, new in (("x", "II"), ("y", "II"), ("z", "II_1")):
        text = text.replace(f" {old}\n", f" {new}\n")
    header.write_text(text)
    assert wfdb.rdheader(str(path)).sig_name == ["II", "II", "II_1"]
    names = [channel.name for channel in read_stored_record(path, "own/a").channels]
    assert names == ["II_1", "II_2", "II_1_3"]
