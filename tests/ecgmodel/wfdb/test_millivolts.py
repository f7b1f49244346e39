from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ecgmodel.errors import MissingFileError, RecordError
from ecgmodel.wfdb.millivolts import read_recording
from tests.wfdb_files import ecg, write_record


def edit_header(path: Path, old: str, new: str) -> None:
    header = path.with_name(path.name + ".hea")
    text = header.read_text()
    assert old in text
    header.write_text(text.replace(old, new))


def test_samples_are_read_in_millivolts(tmp_path: Path) -> None:
    signal = ecg(5, 128)
    recording = read_recording(write_record(tmp_path, "a", signal, 128, baseline=100), "own/a")
    np.testing.assert_allclose(recording.signal[:, 0], signal, atol=0.0026)
    assert (recording.fs, recording.leads) == (128, ("ECG1",))


def test_microvolts_and_missing_samples(tmp_path: Path) -> None:
    signal = ecg(5, 250)
    signal[100:120] = np.nan
    path = write_record(tmp_path, "a", signal * 1000, 250, units="uV", gain=1.0)
    read = read_recording(path, "own/a").signal[:, 0]
    assert np.isnan(read[100:120]).all()
    np.testing.assert_allclose(read[200:], signal[200:], atol=0.001)


def test_an_implausible_baseline_is_replaced(tmp_path: Path) -> None:
    path = write_record(tmp_path, "a", ecg(5, 128), 128)
    edit_header(path, "200.0(0)/mV", "200.0(1024)/mV")
    recording = read_recording(path, "own/a")
    assert abs(np.median(recording.signal)) < 0.1
    assert "baseline 1024" in recording.remarks[0]


def test_a_lead_without_gain_needs_one_from_the_user(tmp_path: Path) -> None:
    path = write_record(tmp_path, "a", ecg(5, 128), 128)
    edit_header(path, "200.0(0)/mV", "0")
    with pytest.raises(RecordError, match=r"own/a, lead ECG1.*--gain.*resample\.uncalibrated_gain"):
        read_recording(path, "own/a")
    assert read_recording(path, "own/a", uncalibrated_gain=400).signal.max() == pytest.approx(
        0.6, abs=0.1
    )


def test_leads_that_are_not_voltages_are_left_out(tmp_path: Path) -> None:
    path = write_record(tmp_path, "a", np.stack([ecg(5, 128)] * 2, axis=1), 128, ("II", "ABP"))
    header = tmp_path / "a.hea"
    lines = header.read_text().splitlines()
    header.write_text("\n".join([*lines[:2], lines[2].replace("/mV", "/mmHg")]) + "\n")
    recording = read_recording(path, "own/a")
    assert recording.leads == ("II",)
    assert "mmHg" in recording.remarks[0]
    header.write_text(header.read_text().replace("/mV", "/degC"))
    with pytest.raises(RecordError, match="no lead in volts"):
        read_recording(path, "own/a")


def test_header_and_data_that_disagree_are_refused(tmp_path: Path) -> None:
    path = write_record(tmp_path, "a", ecg(5, 128), 128)
    data = tmp_path / "a.dat"
    whole = data.read_bytes()
    data.write_bytes(whole[:-100])
    with pytest.raises(RecordError, match="own/a: header and data disagree"):
        read_recording(path, "own/a")
    data.write_bytes(whole[:-2] + b"\x01\x01")
    with pytest.raises(RecordError, match="checksum"):
        read_recording(path, "own/a")


def test_missing_and_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"own/a.*a\.hea"):
        read_recording(tmp_path / "a", "own/a")
    (tmp_path / "b.hea").write_text("this is no header\n")
    with pytest.raises(RecordError, match="own/b"):
        read_recording(tmp_path / "b", "own/b")
    path = write_record(tmp_path, "c", ecg(5, 128), 128)
    (tmp_path / "c.dat").unlink()
    with pytest.raises(MissingFileError, match="own/c"):
        read_recording(path, "own/c")


def test_a_part_of_a_record_is_read(tmp_path: Path) -> None:
    signal = ecg(20, 128)
    path = write_record(tmp_path, "a", signal, 128)
    part = read_recording(path, "own/a", start_s=5, seconds=2).signal[:, 0]
    np.testing.assert_allclose(part, signal[640:896], atol=0.0026)
    with pytest.raises(RecordError, match=r"20\.0 s.*from 21 s"):
        read_recording(path, "own/a", start_s=21)


def test_the_quirks_of_the_real_databases(physionet: Path) -> None:
    stressed = read_recording(physionet / "nstdb/1.0.0/118e06", "nstdb/118e06")
    assert np.abs(np.median(stressed.signal, axis=0)).max() < 2
    excerpt = read_recording(physionet / "qtdb/1.0.0/sel100", "qtdb/sel100")
    assert np.abs(np.median(excerpt.signal, axis=0)).max() < 1
    with pytest.raises(RecordError, match="nstdb/bw, lead noise1"):
        read_recording(physionet / "nstdb/1.0.0/bw", "nstdb/bw")


def segments(folder: Path, **second: float) -> np.ndarray:
    """Write record "both" of segments "a" and "b", and return its signal, mV."""
    parts = [ecg(10, 250, seed=seed) for seed in (1, 2)]
    write_record(folder, "a", parts[0], 250)
    write_record(folder, "b", parts[1], 250, **second)
    (folder / "both.hea").write_text("both/2 1 250 5000\na 2500\nb 2500\n")
    return np.concatenate(parts)


def test_a_record_of_segments_is_read_as_one(tmp_path: Path) -> None:
    expected = segments(tmp_path)
    recording = read_recording(tmp_path / "both", "own/both")
    assert recording.leads == ("ECG1",)
    assert np.abs(recording.signal[:, 0] - expected).max() <= 0.0026  # half a step
    alone = read_recording(tmp_path / "a", "own/a")
    assert recording.adc_ranges == alone.adc_ranges
    part = read_recording(tmp_path / "both", "own/both", start_s=8, seconds=4)
    assert np.array_equal(part.signal, recording.signal[2000:3000])


def test_a_lead_is_missing_in_segments_without_it(tmp_path: Path) -> None:
    first = np.stack([ecg(10, 250, seed=1), ecg(10, 250, seed=2)], axis=1)
    write_record(tmp_path, "a", first, 250, leads=("I", "II"))
    write_record(tmp_path, "b", first[:, 1], 250, leads=("II",))
    lines = ("layout 2 250 0", "~ 0 200/mV 16 0 0 0 0 I", "~ 0 200/mV 16 0 0 0 0 II")
    (tmp_path / "layout.hea").write_text("\n".join(lines) + "\n")
    (tmp_path / "both.hea").write_text("both/3 2 250 5000\nlayout 0\na 2500\nb 2500\n")
    recording = read_recording(tmp_path / "both", "own/both")
    assert recording.leads == ("I", "II")
    assert np.isnan(recording.signal).sum(axis=0).tolist() == [2500, 0]
    assert np.abs(recording.signal[2500:, 1] - first[:, 1]).max() <= 0.0026
