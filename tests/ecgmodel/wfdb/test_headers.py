"""WFDB as header(5) defines it: lengths, dates, names, and segments that differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecgmodel.errors import MissingFileError, RecordError
from ecgmodel.files import read_ecg, write_ecg
from ecgmodel.sources.folder import FolderSource
from ecgmodel.wfdb.layout import read_header
from ecgmodel.wfdb.millivolts import read_recording
from ecgmodel.wfdb.reading import read_stored_record
from tests.wfdb_files import ecg, write_frames, write_record

SIGNAL = ecg(12, 250)


def edited(folder: Path, name: str, old: str, new: str) -> Path:
    header = folder / f"{name}.hea"
    text = header.read_text()
    assert old in text
    header.write_text(text.replace(old, new, 1))
    return folder / name


def joined(folder: Path, head: str, *lines: str) -> Path:
    (folder / "m.hea").write_text("\n".join([head, *lines, ""]))
    return folder / "m"


@pytest.mark.parametrize("line", ["r 1 250 0", "r 1 250", "r 1 250 0 12:30:00 01/02/2003"])
def test_a_length_of_zero_is_not_stated(tmp_path: Path, line: str) -> None:
    write_record(tmp_path, "r", SIGNAL, 250)
    whole = read_ecg(tmp_path / "r").signal
    path = edited(tmp_path, "r", "r 1 250 3000", line)
    read = read_ecg(path)
    np.testing.assert_array_equal(read.signal, whole)
    np.testing.assert_array_equal(read_recording(path, "own/r", 2, 4).signal, whole[500:1500])
    write_ecg(path, read, tmp_path / "out", comment="")
    assert wfdb.rdrecord(str(tmp_path / "out/r")).sig_len == 3000
    with pytest.raises(RecordError, match="no samples"):
        read_recording(path, "own/r", 13)


def test_no_length_with_several_samples_in_a_frame(tmp_path: Path) -> None:
    signals = {"II": (4, ecg(10, 360)), "ABP": (1, np.arange(900) / 200)}
    write_frames(tmp_path, "r", 90, signals)
    whole = read_ecg(tmp_path / "r").signal
    path = edited(tmp_path, "r", " 90 900", " 90 0")
    read = read_ecg(path)
    assert read.fs == 360
    np.testing.assert_array_equal(read.signal, whole)
    write_ecg(path, read, tmp_path / "out", comment="")
    kept = wfdb.rdrecord(str(tmp_path / "out/r"), smooth_frames=False).e_p_signal[1]
    np.testing.assert_allclose(kept, signals["ABP"][1], atol=0.0026)


@pytest.mark.parametrize("total", ["0", "", "6000"])
def test_no_length_of_segments_and_of_their_record(tmp_path: Path, total: str) -> None:
    for name in "ab":
        write_record(tmp_path, name, SIGNAL, 250, ("II",))
        edited(tmp_path, name, f"{name} 1 250 3000", f"{name} 1 250 0")
    path = joined(tmp_path, f"m/3 1 250 {total}", "a 3000", "b 2000", "~ 1000")
    read = read_ecg(path)
    assert read.signal.shape == (6000, 1)
    np.testing.assert_allclose(read.signal[3000:5000, 0], SIGNAL[:2000], atol=0.0026)
    assert np.isnan(read.signal[5000:]).all()


def test_a_length_that_is_not_stated_in_the_pipelines_folder(tmp_path: Path) -> None:
    write_record(tmp_path / "in", "r", SIGNAL, 250)
    edited(tmp_path / "in", "r", "r 1 250 3000", "r 1 250 0 0:0:0 00/00/0000")
    source = FolderSource(tmp_path / "in")
    (record,) = source.records("own")
    source.fetch(record, tmp_path / "out", 2.0, 60.0, False)
    assert len(read_recording(tmp_path / "out/r", "own/r").signal) == 3000
    with pytest.raises(RecordError, match="nothing from 12 s on"):
        source.fetch(record, tmp_path / "late", 12.0, 60.0, False)


@pytest.mark.parametrize("fmt", ["16", "212", "24", "32", "80"])
def test_the_length_is_that_of_the_file_in_every_format(tmp_path: Path, fmt: str) -> None:
    signal = np.round(50 * SIGNAL)[:, None].astype(np.int64)
    wfdb.wrsamp(
        "r",
        250,
        ["mV"],
        ["II"],
        d_signal=signal,
        fmt=[fmt],
        adc_gain=[50],
        baseline=[0],
        write_dir=str(tmp_path),
    )
    whole = read_ecg(tmp_path / "r").signal
    path = edited(tmp_path, "r", "r 1 250 3000", "r 1 250 0")
    np.testing.assert_array_equal(read_ecg(path).signal, whole)


def test_a_compressed_file_does_not_tell_its_length(tmp_path: Path) -> None:
    write_record(tmp_path, "r", SIGNAL, 250)
    edited(tmp_path, "r", "r.dat 16", "r.dat 508")
    path = edited(tmp_path, "r", "r 1 250 3000", "r 1 250 0")
    with pytest.raises(RecordError, match="does not state the length"):
        read_ecg(path)


@pytest.mark.parametrize(
    "start",
    [
        "12:30:00 01/02/0000",
        "12:30:00 1/2/93",
        "00/00/0000",
        "12:30:00",
        "24:61:00 31/02/2001",
        "12:30:00.1234567 01/02/2003",
        "30:00",
        "0:0:0 00/00/0000",
        "12:30:00 01/02/2003 UTC",
    ],
)
def test_a_start_that_wfdb_refuses_is_kept_as_it_is(tmp_path: Path, start: str) -> None:
    write_record(tmp_path, "r", SIGNAL, 250)
    whole = read_ecg(tmp_path / "r").signal
    path = edited(tmp_path, "r", "r 1 250 3000", f"r 1 250 3000 {start}")
    read = read_ecg(path)
    np.testing.assert_array_equal(read.signal, whole)
    assert read.start is None or read.start.year == 2003
    files = write_ecg(path, read, tmp_path / "out", comment="")
    assert files[0].read_text().splitlines()[0] == f"r 1 250 3000 {start}"
    np.testing.assert_array_equal(read_ecg(files[0]).signal, whole)


@pytest.mark.parametrize("name", ["größe", "r.1"])
def test_names_that_wfdb_refuses(tmp_path: Path, name: str) -> None:
    write_record(tmp_path, "r", SIGNAL, 250)
    whole = read_ecg(tmp_path / "r").signal
    edited(tmp_path, "r", "r.dat 16", f"{name}.x.dat 16")
    edited(tmp_path, "r", "r 1 250", f"{name} 1 250")
    (tmp_path / "r.dat").rename(tmp_path / f"{name}.x.dat")
    (tmp_path / "r.hea").rename(tmp_path / "a.hea")
    np.testing.assert_array_equal(read_ecg(tmp_path / "a.hea").signal, whole)


def test_segments_of_another_gain_unit_and_baseline(tmp_path: Path) -> None:
    signal = np.stack([SIGNAL, SIGNAL / 2], axis=1)
    write_record(tmp_path, "a", signal, 250, ("II", "V5"), gain=200)
    write_record(tmp_path, "b", 1000 * signal, 250, ("II", "V5"), 1.0, 64, "uV")
    write_record(tmp_path, "c", signal, 250, ("II", "V5"), gain=333.0, baseline=-20)
    path = joined(tmp_path, "m/3 2 250 9000", "a 3000", "b 3000", "c 3000")
    read = read_ecg(path)
    np.testing.assert_allclose(read.signal, np.tile(signal, (3, 1)), atol=0.0026)
    np.testing.assert_array_equal(read.signal[:3000], read_ecg(tmp_path / "a").signal)
    recording = read_recording(path, "own/m")
    np.testing.assert_allclose(recording.signal, read.signal, atol=1e-12)
    files = write_ecg(path, read, tmp_path / "out", comment="")
    np.testing.assert_allclose(read_ecg(files[0]).signal, read.signal, atol=5.1e-4)


def test_other_signals_of_segments_keep_the_finest_step(tmp_path: Path) -> None:
    for name, gain in (("a", 10), ("b", 400)):
        write_record(tmp_path, name, np.stack([SIGNAL] * 2, 1), 250, ("II", "ABP"), gain)
        header = tmp_path / f"{name}.hea"
        first, lead, other, *rest = header.read_text().splitlines()
        header.write_text("\n".join([first, lead, other.replace("/mV", "/mmHg"), *rest, ""]))
    path = joined(tmp_path, "m/2 2 250 6000", "a 3000", "b 3000")
    read = read_ecg(path)
    assert (read.leads, read.other) == (("II",), ("ABP",))
    files = write_ecg(path, read, tmp_path / "out", comment="")
    kept = wfdb.rdrecord(str(files[0].with_suffix(""))).p_signal[:, 1]
    np.testing.assert_allclose(kept[:3000], np.round(SIGNAL * 10) / 10, atol=1e-9)
    np.testing.assert_allclose(kept[3000:], np.round(SIGNAL * 400) / 400, atol=1e-9)


def test_segments_of_another_order_and_of_other_signals(tmp_path: Path) -> None:
    one, two, three = SIGNAL, SIGNAL / 2, SIGNAL / 3
    write_record(tmp_path, "a", np.stack([one, two], 1), 250, ("I", "II"), 1000)
    write_record(tmp_path, "b", np.stack([two, one], 1), 250, ("II", "I"), 1000)
    write_record(tmp_path, "c", np.stack([two, three], 1), 250, ("II", "V1"), 1000)
    read = read_ecg(joined(tmp_path, "m/2 2 250 6000", "a 3000", "b 3000"))
    assert read.leads == ("I", "II")
    np.testing.assert_allclose(read.signal, np.tile(np.stack([one, two], 1), (2, 1)), atol=6e-4)
    read = read_ecg(joined(tmp_path, "m/3 2 250 7000", "a 3000", "~ 1000", "c 3000"))
    assert read.leads == ("I", "II", "V1")
    assert np.isnan(read.signal[3000:, 0]).all()
    assert np.isnan(read.signal[:4000, 2]).all()
    np.testing.assert_allclose(read.signal[4000:, 1:], np.stack([two, three], 1), atol=6e-4)


def test_a_layout_header_with_null_segments_and_other_gains(tmp_path: Path) -> None:
    write_record(tmp_path, "a", SIGNAL, 250, ("II",), 200)
    write_record(tmp_path, "b", np.stack([SIGNAL, SIGNAL], 1), 250, ("V5", "II"), 500)
    (tmp_path / "lay.hea").write_text("lay 2 250 0\n~ 0 200 16 0 0 0 0 II\n~ 0 200 16 0 0 0 0 V5\n")
    path = joined(tmp_path, "m/5 2 250 7500", "lay 0", "~ 500", "a 3000", "~ 1000", "b 3000")
    read = read_ecg(path)
    assert read.leads == ("II", "V5")
    np.testing.assert_allclose(read.signal[500:3500, 0], SIGNAL, atol=0.0026)
    np.testing.assert_allclose(read.signal[4500:, 1], SIGNAL, atol=0.0026)
    assert np.isnan(read.signal[:4500, 1]).all()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("r 1 250", "r x 250", "cannot be read"),
        ("r 1 250", "r 1 1e3", "sampling rate"),
        ("r.dat 16", "../r.dat 16", "outside its folder"),
    ],
)
def test_wrong_headers_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    write_record(tmp_path, "r", SIGNAL, 250)
    path = edited(tmp_path, "r", old, new)
    with pytest.raises(RecordError, match=message):
        read_stored_record(path, "own/r")
    with pytest.raises(RecordError, match=message):
        read_header(path.with_suffix(".hea"), "own/r")


def test_a_signal_file_that_is_missing_is_named(tmp_path: Path) -> None:
    write_record(tmp_path, "r", SIGNAL, 250)
    (tmp_path / "r.dat").unlink()
    with pytest.raises(MissingFileError, match=r"signal file .*r\.dat is missing"):
        read_stored_record(tmp_path / "r", "own/r")
