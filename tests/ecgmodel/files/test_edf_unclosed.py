"""EDF and BDF as recorders and other programs leave them: not closed, odd rates, odd units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import edfio
import numpy as np
import pytest

from ecgmodel.errors import RecordError
from ecgmodel.files import Ecg, Hints, read_ecg, write_ecg
from tests.ecgmodel.files.made import made_ecg, write_made
from tests.wfdb_files import ecg

FS = 250
SIGNAL = np.round(ecg(12, FS), 3)


def plain(folder: Path, unit: bytes = b"mV") -> Path:
    """Twelve records of 1 s of a lead, without annotations: no header says where one begins."""
    lead = edfio.EdfSignal(SIGNAL, FS, label="ECG II", physical_dimension="mV")
    edfio.Edf([lead]).write(folder / "a.edf")
    changed(folder / "a.edf", {256 + 96: unit.ljust(8)})
    return folder / "a.edf"


def noted(folder: Path) -> Path:
    """Ten records of EDF+ of two leads; each record says when it begins."""
    return write_made(folder, "edf", made_ecg(10))


def changed(file: Path, changes: dict[int, bytes], end: bytes = b"", cut: int = 0) -> Path:
    data = bytearray(file.read_bytes())
    for at, new in changes.items():
        data[at : at + len(new)] = new
    file.write_bytes(bytes(data[: len(data) - cut]) + end)
    return file


def count(told: int) -> dict[int, bytes]:
    return {236: str(told).encode().ljust(8)}


@pytest.mark.parametrize(
    ("told", "cut", "end", "seconds", "remark"),
    [
        (40, 0, b"", 12, "40 data records stated, 12 read"),
        (-1, 0, b"", 12, ""),
        (-1, 300, b"", 11, "incomplete"),
        (0, 0, b"", 12, "0 data records stated, 12 read"),
        (40, 700, b"", 10, "incomplete"),
        (12, 0, b"\0" * 77, 12, "incomplete"),
        (10, 0, b"", 12, "10 data records stated, 12 read"),
        (12, 0, b"\x1a" * 500, 12, "500 bytes after the last data record omitted"),
        (12, 0, b"trailer of a vendor" * 70, 12, "1,330 bytes after"),
    ],
)
def test_what_is_there_is_cleaned_and_counted(
    tmp_path: Path, told: int, cut: int, end: bytes, seconds: int, remark: str
) -> None:
    whole = read_ecg(plain(tmp_path))
    file = changed(tmp_path / "a.edf", count(told), end, cut)
    read = read_ecg(file)
    np.testing.assert_array_equal(read.signal, whole.signal[: seconds * FS])
    assert remark in "; ".join(read.remarks)
    assert bool(read.remarks) == bool(remark)
    (written,) = write_ecg(file, read, tmp_path / "out", comment="")
    assert written.read_bytes()[236:244] == str(seconds).encode().ljust(8)
    assert written.stat().st_size == 512 + 2 * FS * seconds
    other = edfio.read_edf(written)
    np.testing.assert_allclose(other.signals[0].data, read.signal[:, 0], atol=1e-3)
    assert read_ecg(written).remarks == ()


@pytest.mark.parametrize("told", [10, 4, 99, -1, -7])
def test_records_of_edf_plus_are_told_by_their_times(tmp_path: Path, told: int) -> None:
    whole = read_ecg(noted(tmp_path))
    record = (noted(tmp_path).stat().st_size - 4 * 256) // 10
    file = changed(tmp_path / "r1.edf", count(told), b"\x07" * 2 * record)
    read = read_ecg(file)
    np.testing.assert_array_equal(read.signal, whole.signal)
    assert read.annotations == whole.annotations
    (written,) = write_ecg(file, read, tmp_path / "out", comment="")
    assert written.read_bytes()[236:244] == b"10      "
    assert written.stat().st_size == 4 * 256 + 10 * record


def test_a_header_without_data_is_refused(tmp_path: Path) -> None:
    file = plain(tmp_path)
    file.write_bytes(file.read_bytes()[: 512 + 100])
    with pytest.raises(RecordError, match="no complete data record"):
        read_ecg(file)


@pytest.mark.parametrize(
    "unit",
    [
        "µV".encode(),
        "µV".encode("latin-1"),
        "μV".encode(),
        b"uv",
        b"UV",
        b"microV",
        b"MicroV",
        b"\0uV\0",
        b" u V",
        b"[uV]",
        b"uVolt",
        b"\tuV",
    ],
)
def test_units_as_programs_write_them(tmp_path: Path, unit: bytes) -> None:
    read = read_ecg(plain(tmp_path, unit))
    np.testing.assert_allclose(read.signal[:, 0] * 1000, SIGNAL, atol=1e-3)
    assert read.remarks == ()


def test_a_label_in_utf_8_is_read_and_kept(tmp_path: Path) -> None:
    file = changed(plain(tmp_path), {256: "EKG Brustwänd".encode().ljust(16)})
    read = read_ecg(file)
    assert read.leads == ("EKG Brustwänd",)
    (written,) = write_ecg(file, read, tmp_path / "out", comment="")
    assert written.read_bytes()[256:272] == "EKG Brustwänd".encode().ljust(16)


@pytest.mark.parametrize(
    ("fs", "samples"),
    [
        (130.061, 1561),
        (512.254, 15379),
        (249.99, 997),
        (1000 / 3, 5001),
        (128.5, 1009),
        (100.0037, 733),
        (4000, 4001),
        (125.0001, 60),
    ],
)
@pytest.mark.parametrize("format", ["edf", "bdf"])
def test_an_odd_rate_needs_no_filler_records(
    tmp_path: Path, format: str, fs: float, samples: int
) -> None:
    signal = np.random.default_rng(1).normal(size=(samples, 2))
    file = write_made(tmp_path, format, Ecg(signal, fs, ("II", "V5"), (None, None)))
    made: Any = edfio.read_edf(file) if format == "edf" else edfio.read_bdf(file)
    (lead, *_), data = made.signals, file.read_bytes()
    assert lead.sampling_frequency == pytest.approx(fs, rel=1e-6)
    record = round(lead.sampling_frequency * made.data_record_duration)
    assert 0 <= len(lead.data) - samples < record
    assert int(data[236:244]) * record == len(lead.data)
    size = (len(data) - 256 * 4) // made.num_data_records
    assert size <= 61_440 + 1000
    assert made.data_record_duration <= 20
    back = read_ecg(file)
    assert back.signal.shape == signal.shape
    assert back.fs == pytest.approx(fs, rel=1e-6)


def test_records_of_many_leads_stay_small(tmp_path: Path) -> None:
    signal = np.random.default_rng(1).normal(size=(2500, 40))
    names = tuple(f"ECG {i}" for i in range(40))
    file = write_made(tmp_path, "edf", Ecg(signal, 1000, names, (None,) * 40))
    made = edfio.read_edf(file)
    assert made.data_record_duration == 0.5
    assert made.num_data_records == 5


@pytest.mark.parametrize("drift", [9e-5, -9e-5, -2e-5])
def test_the_clock_of_an_interrupted_recording_drifts(tmp_path: Path, drift: float) -> None:
    file = write_made(tmp_path, "edf", made_ecg(60))
    whole = read_ecg(file)
    data = bytearray(file.read_bytes())
    data[192:197] = b"EDF+D"
    for second in range(1, 60):
        place = data.index(b"+%d\x14\x14\0" % second, 256 * 4)
        note = b"+%.4f\x14\x14" % (second * (1 + drift))
        data[place : place + len(note)] = note
    file.write_bytes(data)
    read = read_ecg(file, Hints())
    assert 0 <= len(read.signal) - len(whole.signal) <= 2
    known = np.isfinite(read.signal[:, 0])
    np.testing.assert_array_equal(read.signal[known, 0], whole.signal[:, 0])
