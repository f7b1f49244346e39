"""Real recordings in every format are read and written back; all but the leads is kept."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import edfio
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import wfdb

from ecgmodel.errors import RecordError, UnknownNameError
from ecgmodel.files import Ecg, Hints, created_formats, format_of, formats, read_ecg, write_ecg
from tests.ecgmodel.files.made import ANNOTATIONS, START, hints_for, made_ecg, write_made

# Half of each format's resolution for a signal of a few mV.
APART = {"wfdb": 5.1e-4, "csv": 5.1e-6, "edf": 2.5e-4, "bdf": 1e-6}
REAL = ("nstdb/1.0.0/118e06", "mitdb/1.0.0/101", "qtdb/1.0.0/sel100")


def same(one: np.ndarray, other: np.ndarray, apart: float) -> bool:
    if not np.array_equal(np.isnan(one), np.isnan(other)):
        return False
    return bool(np.nanmax(np.abs(one - other)) <= apart)


@pytest.mark.parametrize("format", created_formats())
@pytest.mark.parametrize("record", REAL)
def test_real_recordings(tmp_path: Path, physionet: Path, record: str, format: str) -> None:
    whole = read_ecg(physionet / record)
    source = replace(whole, signal=whole.signal[:20_000].copy())
    source.signal[500:900, 0] = np.nan
    file = write_made(tmp_path, format, source)
    assert format_of(file) == format
    hints = hints_for(format, source)
    read = read_ecg(file, hints)
    assert same(read.signal, source.signal, APART.get(format, 0.0))
    assert read.fs == source.fs
    assert format == "npy" or read.leads == source.leads
    cleaned = replace(read, signal=0.5 * read.signal)
    again = write_ecg(file, cleaned, tmp_path / "out", comment="halved")
    assert again[0].name == file.name
    assert same(read_ecg(again[0], hints).signal, cleaned.signal, APART.get(format, 0.0))


@pytest.mark.parametrize("record", REAL)
def test_a_record_is_written_with_its_annotations(
    tmp_path: Path, physionet: Path, record: str
) -> None:
    read = read_ecg((physionet / record).with_suffix(".atr"))
    files = write_ecg(physionet / record, read.signal, tmp_path, comment="nothing done")
    assert files[0].name.endswith(".hea")
    originals = sorted((physionet / record).parent.glob(f"{Path(record).name}.*"))
    annotations = [f for f in originals if f.suffix not in (".hea", ".dat", ".xws")]
    assert annotations
    for file in annotations:
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()
    again = read_ecg(files[0])
    assert same(again.signal, read.signal, APART["wfdb"])
    assert again.annotations == read.annotations
    assert wfdb.rdheader(str(tmp_path / Path(record).name)).comments[-1] == "nothing done"


@pytest.mark.parametrize("format", ["wfdb", "edf", "bdf"])
def test_start_and_annotations_are_converted_between_formats(tmp_path: Path, format: str) -> None:
    file = write_made(tmp_path, format)
    read = read_ecg(file)
    assert read.start == START
    assert read.annotations == ANNOTATIONS
    for other in ("wfdb", "edf", "bdf"):
        made = write_ecg(file, read, tmp_path / other, comment="x", format=other)
        then = read_ecg(made[0])
        assert then.start == START
        assert [annotation.text for annotation in then.annotations] == [
            annotation.text for annotation in ANNOTATIONS
        ]
        assert same(then.signal, read.signal, 5.1e-4)


@pytest.mark.parametrize("format", ["edf", "bdf"])
def test_everything_else_in_an_edf_is_kept(tmp_path: Path, format: str) -> None:
    signal = edfio.EdfSignal if format == "edf" else edfio.BdfSignal
    made = edfio.Edf if format == "edf" else edfio.Bdf
    ecg = made_ecg()
    channels = [
        signal(
            1000 * np.nan_to_num(ecg.signal[:, 0]), 250, label="ECG II", physical_dimension="uV"
        ),
        signal(np.sin(np.arange(250.0)), 25, label="Resp", physical_dimension="L"),
        signal(1000 * ecg.signal[:, 0], 250, label="EEG Fpz-Cz", physical_dimension="uV"),
    ]
    patient = edfio.Patient(code="MCH-0234567", sex="F", name="Haagse_Harry")
    notes = [edfio.EdfAnnotation(2.5, 1.0, "Lights off")]
    file = tmp_path / f"night.{format}"
    made(channels, patient=patient, starttime=START.time(), annotations=notes).write(file)
    read = read_ecg(file)
    assert (read.leads, read.other) == (("ECG II",), ("Resp", "EEG Fpz-Cz"))
    assert same(read.signal, ecg.signal[:, :1], 5e-4)
    (out,) = write_ecg(file, 0.3 * read.signal, tmp_path / "out", comment="cleaned by a test")
    reading = edfio.read_edf if format == "edf" else edfio.read_bdf
    before, after = reading(file), reading(out)
    assert after.patient.name == "Haagse_Harry"
    assert (after.startdatetime if read.start else after.starttime) is not None
    assert after.annotations == before.annotations
    for old, new in zip(before.signals[1:], after.signals[1:], strict=True):
        assert np.array_equal(old.digital, new.digital)
        assert old.physical_range == new.physical_range
    assert after.signals[0].prefiltering == "cleaned by a test"
    np.testing.assert_allclose(after.signals[0].data / 1000, 0.3 * read.signal[:, 0], atol=1e-4)
    # Only the lead's bytes and five of its fields differ.
    assert len(out.read_bytes()) == len(file.read_bytes())


def test_time_between_records_of_an_edf_is_missing(tmp_path: Path) -> None:
    file = write_made(tmp_path, "edf", replace(made_ecg(10), annotations=()))
    data = bytearray(file.read_bytes())
    data[192:197] = b"EDF+D"
    for second in range(5, 10):  # the second half comes two minutes later
        place = data.index(f"+{second}\x14\x14".encode(), 1024)
        note = f"+{second + 120}\x14\x14\0".encode()
        data[place : place + len(note)] = note
    file.write_bytes(data)
    read = read_ecg(file)
    assert len(read.signal) == 130 * 250
    assert np.isnan(read.signal[5 * 250 : 125 * 250]).all()
    assert same(read.signal[125 * 250 :], made_ecg().signal[5 * 250 :], 2e-4)
    (out,) = write_ecg(file, 2 * read.signal, tmp_path / "out", comment="")
    assert same(read_ecg(out).signal, 2 * read.signal, 4e-4)


def test_a_text_table_is_kept_verbatim(tmp_path: Path) -> None:
    values = [-300, -299, -298, *np.random.default_rng(0).integers(-300, 300, 597).tolist()]
    lines = [f"{i * 4};{v};x {i};\t".replace(".", ",") for i, v in enumerate(values)]
    text = "\ufeff# a comment\r\nZeit (ms);EKG (\u00b5V);Notiz;\r\n" + "\r\n".join(lines)
    file = tmp_path / "eu.csv"
    file.write_bytes(text.encode())
    read = read_ecg(file)
    assert (read.fs, read.leads) == (250, ("EKG",))
    assert read.signal[:2, 0].tolist() == [-0.3, -0.299]
    (out,) = write_ecg(file, read, tmp_path / "out", comment="")
    assert out.read_bytes() == file.read_bytes()
    changed = read.signal.copy()
    changed[1] = 0.00125
    changed[2] = np.nan
    (out,) = write_ecg(file, changed, tmp_path / "out", comment="done")
    expected = text.replace("4;-299;", "4;1,25;", 1).replace("8;-298;", "8;nan;", 1)
    expected = expected.replace("# a comment\r\n", "# a comment\r\n# done\r\n")
    assert out.read_bytes() == expected.encode()


def test_other_arrays_of_an_archive_are_kept(tmp_path: Path) -> None:
    ecg = made_ecg()
    file = tmp_path / "a.npz"
    record = np.array([(1, "a")], dtype=[("n", "i4"), ("t", "U3")])
    np.savez(
        file,
        ecg=(1000 * np.nan_to_num(ecg.signal)).astype(np.int16).T,
        sampling_rate=250,
        units=np.array(["uV", "uV"]),
        beats=np.arange(5),
        table=record,
        objects=np.array([{"a": 1}], object),
    )
    read = read_ecg(file)
    assert (read.fs, read.leads) == (250, ("lead 1", "lead 2"))
    (out,) = write_ecg(file, read.signal / 2, tmp_path / "out", comment="halved")
    old, new = np.load(file), np.load(out)
    assert str(new["comment"]) == "halved"
    for name in ("sampling_rate", "units", "beats", "table"):
        assert np.array_equal(old[name], new[name])
        assert old[name].dtype == new[name].dtype
    with zipfile.ZipFile(file) as before, zipfile.ZipFile(out) as after:
        assert before.read("objects.npy") == after.read("objects.npy")
    assert (new["ecg"].dtype, new["ecg"].shape) == (np.int16, (2, 2500))
    np.testing.assert_allclose(new["ecg"] / 1000, read.signal.T / 2, atol=5.1e-4)


def test_other_columns_of_a_parquet_table_are_kept(tmp_path: Path) -> None:
    signal = made_ecg().signal
    frame = pd.DataFrame(
        {
            "time": pd.date_range("2024-01-01", periods=len(signal), freq="4ms", tz="UTC"),
            "II_uV": (1000 * signal[:, 0]).astype("int16"),
            "V5 [mV]": signal[:, 1].astype("float32"),
            "note": ["a", None] * (len(signal) // 2),
            "hr": 70,
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    read = read_ecg(tmp_path / "t.parquet")
    assert (read.fs, read.leads) == (250, ("II", "V5"))
    cleaned = 0.5 * read.signal
    (out,) = write_ecg(tmp_path / "t.parquet", cleaned, tmp_path / "out", comment="halved")
    again = pd.read_parquet(out)
    assert again.dtypes.to_dict() == frame.dtypes.to_dict()
    kept = ["time", "note", "hr"]
    pd.testing.assert_frame_equal(again[kept], frame[kept])
    metadata = pq.read_schema(out).metadata
    assert metadata[b"comment"] == b"halved"
    assert metadata[b"pandas"] == pq.read_schema(tmp_path / "t.parquet").metadata[b"pandas"]
    assert same(read_ecg(out).signal, cleaned, 5.1e-4)


def test_only_the_named_leads_change(tmp_path: Path) -> None:
    source = made_ecg()
    file = write_made(tmp_path, "wfdb", source)
    read = read_ecg(file, Hints(columns=("V5",)))
    assert (read.leads, read.other) == (("V5",), ("II",))
    write_ecg(file, replace(read, signal=0 * read.signal), tmp_path / "out", comment="x")
    after = wfdb.rdrecord(str(tmp_path / "out/r1"))
    before = wfdb.rdrecord(str(tmp_path / "r1"))
    assert np.array_equal(after.p_signal[:, 0], before.p_signal[:, 0])
    assert not np.nan_to_num(after.p_signal[:, 1]).any()


@pytest.mark.parametrize("format", formats())
def test_the_source_is_not_overwritten_and_nothing_is_left_incomplete(
    tmp_path: Path, format: str
) -> None:
    file = write_made(tmp_path / "in", format)
    before = {path: path.read_bytes() for path in (tmp_path / "in").iterdir() if path.is_file()}
    read = read_ecg(file, hints_for(format, made_ecg()))
    for place in (file.parent, file.parent / ".." / "in"):
        with pytest.raises(RecordError, match="would be overwritten"):
            write_ecg(file, read, place, comment="x")
    with pytest.raises(RecordError, match="shape"):
        write_ecg(file, replace(read, signal=read.signal[:-5]), tmp_path / "out", comment="x")
    with pytest.raises(UnknownNameError):
        write_ecg(file, read, tmp_path / "out", comment="x", format="docx")
    assert {p: p.read_bytes() for p in (tmp_path / "in").iterdir() if p.is_file()} == before
    assert not list((tmp_path / "out").iterdir())


def test_a_signal_that_a_format_cannot_store_is_refused(tmp_path: Path) -> None:
    huge = replace(made_ecg(), signal=np.full((2500, 2), 1e12))
    origin = write_made(tmp_path, "npy", made_ecg())
    with pytest.raises(RecordError, match="does not fit"):
        write_ecg(origin, huge, tmp_path / "out", comment="", format="edf")


def test_lengths_and_rates_that_fill_no_record(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for samples, fs in ((1, 250.0), (997, 250.0), (1009, 128.5), (5000, 333.333), (777, 249.99)):
        ecg = Ecg(rng.normal(size=(samples, 2)), fs, ("II", "x"), (None, None))
        origin = write_made(tmp_path, "npy", replace(ecg, fs=250))
        for format in ("edf", "bdf"):
            (out,) = write_ecg(origin, ecg, tmp_path / "out", comment="", format=format)
            read = read_ecg(out)
            assert read.fs == pytest.approx(fs, rel=1e-6)
            assert same(read.signal, ecg.signal, 1e-4)
