"""Hostile files: they try to exhaust memory, to run code or to leave their folder."""

from __future__ import annotations

import io
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ecgmodel.errors import EcgError, MissingFileError, RecordError
from ecgmodel.files import Hints, read_ecg, write_ecg
from tests.ecgmodel.files.made import made_ecg, write_made
from tests.wfdb_files import ecg, write_record

HINTS = Hints(fs=250, unit="mV")


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6


def header(path: Path, change: Callable[[str], str]) -> Path:
    path.write_text(change(path.read_text()))
    return path


def npy(shape: str, descr: str = "'<f8'", data: bytes = b"") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + data


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("a 1 250 500", "a 1 250 1000000000", "header and data disagree"),
        ("a 1 250 500", "a 1 1000000000 500", "sampling rate"),
        ("a 1 250 500", "a 1 1e3 500", "sampling rate"),
        ("a 1 250 500", "a 1 -250 500", "sampling rate"),
        ("a 1 250 500", "a 9999 250 500", "declares|cannot be read"),
        ("a.dat 16", "../../etc/passwd 16", "points outside its folder"),
        ("a.dat 16", "/etc/passwd 16", "points outside its folder"),
        ("a.dat 16", "a.dat 99", "expected a WFDB format"),
        ("a.dat 16", "a.dat 16:900000000", "skew"),
        ("a.dat 16", "a.dat 16x900000000", "disagree"),
        ("200.0(0)/mV", "-200.0(0)/mV", "negative"),
        ("200.0(0)/mV", "0/mV", "no gain"),
        ("/mV 16", "/mV 100000000016", ""),
        (
            "a 1 250 500",
            "a/2 1 250 1000000000\n~ 999999999\na 1",
            "itself a multi-segment",
        ),
    ],
)
def test_wrong_wfdb_headers_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    write_record(tmp_path, "a", ecg(2, 250), 250)
    assert old in (tmp_path / "a.hea").read_text()
    header(tmp_path / "a.hea", lambda text: text.replace(old, new, 1))
    if message:
        with pytest.raises(RecordError, match=message):
            read_ecg(tmp_path / "a")
    else:
        assert read_ecg(tmp_path / "a").adc_ranges == (None,)


def test_segments_that_exhaust_memory_or_contain_themselves_are_refused(tmp_path: Path) -> None:
    write_record(tmp_path, "s", ecg(2, 250), 250)
    (tmp_path / "gap.hea").write_text("gap/2 1 250 1000000500\n~ 1000000000\ns 500\n")
    (tmp_path / "many.hea").write_text("many/99999 1 250 49999500\n" + "s 500\n" * 99_999)
    (tmp_path / "self.hea").write_text("self/2 1 250 1000\nself 500\ns 500\n")
    (tmp_path / "out.hea").write_text("out/1 1 250 500\n../s 500\n")
    (tmp_path / "gone.hea").write_text("gone/1 1 250 500\nt 500\n")
    for name in ("gap", "many", "self", "out"):
        with pytest.raises(RecordError):
            read_ecg(tmp_path / name)
    with pytest.raises(MissingFileError):
        read_ecg(tmp_path / "gone")


@pytest.mark.parametrize(
    "note", [b"## whatever", b"## time resolution:\r", b"## end of definitions"]
)
def test_annotations_that_hang_wfdb_are_ignored(tmp_path: Path, note: bytes) -> None:
    write_record(tmp_path, "a", ecg(2, 250), 250)
    length = len(note).to_bytes(1, "little")
    (tmp_path / "a.atr").write_bytes(b"\x00\x58" + length + b"\xfc" + note + b"\0" * 2)
    read = read_ecg(tmp_path / "a")
    assert read.annotations == ()
    files = write_ecg(tmp_path / "a", read, tmp_path / "out", comment="x")
    assert tmp_path / "out/a.atr" in files


def edf(folder: Path, changes: dict[int, bytes]) -> Path:
    file = write_made(folder, "edf")
    data = bytearray(file.read_bytes())
    for at, new in changes.items():
        data[at : at + len(new)] = new
    file.write_bytes(data)
    return file


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({236: b"nan     "}, "expected a number"),
        ({244: b"0       "}, "data records hold"),
        ({244: b"1e-9    "}, "sampling rate"),
        ({252: b"9999"}, "declares 9999 channels"),
        ({252: b"0   "}, "declares 0 channels"),
        ({184: b"256     "}, "header of 3 channels takes"),
        ({0: b"9       "}, "expected a file of EDF"),
        ({256 + 3 * 216: b"99999999"}, "no complete data record"),
        ({256 + 3 * 216: b"77      "}, "disagree"),
        ({256 + 3 * 216: b"-1      "}, "declares -1 samples"),
        ({256 + 3 * 104: b"1       ", 256 + 3 * 112: b"1       "}, "physical and a digital range"),
        ({256 + 3 * 120: b"5       ", 256 + 3 * 128: b"4       "}, "physical and a digital range"),
        ({256 + 3 * 96: b"mmHg    mmHg    "}, "--column"),
    ],
)
def test_headers_of_edf_that_lie(tmp_path: Path, changes: dict[int, bytes], message: str) -> None:
    with pytest.raises(RecordError, match=message):
        read_ecg(edf(tmp_path, changes))


def test_records_of_an_edf_that_come_after_years(tmp_path: Path) -> None:
    file = edf(tmp_path, {192: b"EDF+D"})
    data = file.read_bytes().replace(b"+8\x14\x14\0", b"+8e9\x14"[:1] + b"9999\x14\x14"[:5])
    file.write_bytes(data[: file.stat().st_size])
    with pytest.raises(RecordError):
        read_ecg(file)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (npy("(1000000000,)"), "truncated or damaged"),
        (npy("(10**9,)"), "header cannot be read"),
        (npy("(-5, -5)", data=b"\0" * 200), "truncated or damaged"),
        (npy("(2, 2, 50)", data=b"\0" * 1600), r"\(samples, leads\)"),
        (npy("(20, 20)", data=b"\0" * 3200), "more samples than leads"),
        (npy("(500, 300)", "'|i1'", b"\0" * 150_000), "at most 256 leads"),
        (npy("()", data=b"\0" * 8), r"\(samples, leads\)"),
        (npy("(5,)", "'|O'", pickle.dumps([1])), "Python objects"),
        (npy("(5,)", "[('a', '|O')]", pickle.dumps([1])), "Python objects"),
        (npy("(9,)", "'<U4'", b"\0" * 144), "cannot be read as npy|expected"),
        (b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65_535, "header cannot be read"),
        (pickle.dumps(list(range(9))), "header cannot be read"),
        (npy("(9,)", data=np.full(9, np.nan).tobytes()), "no ECG samples"),
        (npy("(9,)", data=np.full(9, np.inf).tobytes()), "no ECG samples"),
    ],
)
def test_wrong_array_headers_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "x.npy").write_bytes(data)
    with pytest.raises(RecordError, match=message):
        read_ecg(tmp_path / "x.npy", HINTS)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("signal.npy", data)
    with pytest.raises(RecordError):
        read_ecg(tmp_path / "x.npz", HINTS)


@pytest.mark.parametrize("dtype", ["complex64", "bool", "<U6", "S6", "datetime64[s]", "m8[s]"])
def test_arrays_that_are_no_leads_are_refused(tmp_path: Path, dtype: str) -> None:
    array = np.arange(500).astype(dtype)
    np.save(tmp_path / "x.npy", array)
    np.savez(tmp_path / "x.npz", ecg=array, fs=250)
    column = pa.array(array.astype("S6") if array.dtype.kind == "c" else array)
    pq.write_table(pa.table({"ecg": column}), tmp_path / "x.parquet")
    with pytest.raises(RecordError, match=r"x\.npy: expected integers or real numbers.*Received"):
        read_ecg(tmp_path / "x.npy", Hints(fs=250, unit="mV"))
    for name in ("x.npz", "x.parquet"):
        for columns in ((), ("ecg",)):
            with pytest.raises(RecordError, match=name):
                read_ecg(tmp_path / name, Hints(fs=250, unit="mV", columns=columns))


def test_archives_that_expand_too_much_are_refused(tmp_path: Path) -> None:
    zeros = io.BytesIO()
    np.save(zeros, np.zeros(2**24))
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("signal.npy", zeros.getvalue())
    zeros.close()
    tracemalloc.reset_peak()
    with pytest.raises(RecordError, match="claims to hold"):
        read_ecg(tmp_path / "bomb.npz", HINTS)
    with zipfile.ZipFile(tmp_path / "twice.npz", "w") as archive:
        archive.writestr("signal.npy", npy("(9,)", data=b"\0" * 72))
        archive.writestr("signal", npy("(9,)", data=b"\0" * 72))
    with pytest.raises(RecordError, match="each once"):
        read_ecg(tmp_path / "twice.npz", HINTS)


def test_a_flipped_bit_in_an_archive_is_detected(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", signal=ecg(2, 250))
    data = bytearray((tmp_path / "x.npz").read_bytes())
    data[1500] ^= 1
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(RecordError, match="damaged archive"):
        read_ecg(tmp_path / "x.npz", HINTS)


def test_names_in_an_archive_cannot_leave_the_folder(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, ecg(2, 250))
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("signal.npy", buffer.getvalue())
        archive.writestr("../../evil.npy", buffer.getvalue())
    read = read_ecg(tmp_path / "x.npz", HINTS)
    out = tmp_path / "deep/er/out"
    assert write_ecg(tmp_path / "x.npz", read, out, comment="x") == [out / "x.npz"]
    assert not list(tmp_path.rglob("evil*"))


def test_parquet_that_expands_too_much_is_refused(tmp_path: Path) -> None:
    flat = pa.table({"II (mV)": pa.array(np.zeros(2**24, np.float32))})
    pq.write_table(flat, tmp_path / "flat.parquet", compression="zstd")
    assert (tmp_path / "flat.parquet").stat().st_size < 2**17
    with pytest.raises(RecordError, match="claims to hold"):
        read_ecg(tmp_path / "flat.parquet", HINTS)
    note = pa.DictionaryArray.from_arrays(np.zeros(20_000, np.int32), ["x" * 2**16])
    signal = pa.array(np.resize(ecg(2, 250), 20_000))
    texts = pa.table({"II (mV)": signal, "note": note})
    pq.write_table(texts, tmp_path / "text.parquet", store_schema=False)
    read = read_ecg(tmp_path / "text.parquet", HINTS)
    with pytest.raises(RecordError, match="claims to hold"):
        write_ecg(tmp_path / "text.parquet", read, tmp_path / "out", comment="x")


def test_a_link_in_place_of_the_result_is_not_followed(tmp_path: Path) -> None:
    file = write_made(tmp_path / "in", "csv")
    other = tmp_path / "precious.csv"
    other.write_text("do not touch")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/r1.csv").symlink_to(other)
    write_ecg(file, read_ecg(file), tmp_path / "out", comment="x")
    assert other.read_text() == "do not touch"
    assert not (tmp_path / "out/r1.csv").is_symlink()


def test_a_file_in_place_of_the_output_folder_is_not_replaced(tmp_path: Path) -> None:
    file = write_made(tmp_path / "in", "npy", made_ecg())
    (tmp_path / "out").write_text("a file")
    with pytest.raises((EcgError, FileExistsError)):
        write_ecg(file, made_ecg(), tmp_path / "out", comment="x")
    assert (tmp_path / "out").read_text() == "a file"


def test_the_message_about_a_damaged_archive_is_short(tmp_path: Path) -> None:
    path = tmp_path / "long.npz"
    np.savez(path, signal=np.zeros(20_000), fs=360.0)
    content = bytearray(path.read_bytes())
    content[26:28] = b"\xff\xff"  # the length of the first array's name
    path.write_bytes(content)
    with pytest.raises(RecordError, match="damaged archive") as caught:
        read_ecg(path)
    assert len(str(caught.value)) < 1000
