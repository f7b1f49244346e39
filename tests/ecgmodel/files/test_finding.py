"""Files, folders and patterns as recordings: each is found once; missing ones are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ecgmodel.errors import MissingFileError, RecordError
from ecgmodel.files import files_of, find_recordings, format_of, formats, read_ecg
from tests.wfdb_files import ecg, write_record


def tree(folder: Path) -> Path:
    write_record(folder / "a", "100", ecg(2, 250), 250)
    (folder / "a/100.atr").write_bytes(b"\0\0")
    for name in ("s1", "s2"):
        write_record(folder / "b", name, ecg(2, 250), 250)
    (folder / "b/both.hea").write_text("both/2 1 250 1000\ns1 500\ns2 500\n")
    for name in ("x.csv", "y.EDF", "README.txt", "z.pdf", ".hidden.csv", "lonely.dat"):
        (folder / name).write_text("1\n")
    (folder / ".git").mkdir()
    (folder / ".git/w.csv").write_text("1\n")
    return folder


def test_a_folder_is_searched(tmp_path: Path) -> None:
    found = [path.relative_to(tmp_path).as_posix() for path in find_recordings([tree(tmp_path)])]
    assert found == ["a/100.hea", "b/both.hea", "x.csv", "y.EDF"]


def test_a_record_is_found_by_any_of_its_files(tmp_path: Path) -> None:
    here = tree(tmp_path)
    names = ("100", "100.hea", "100.dat", "100.atr", "*", "1*.dat")
    assert find_recordings([here / "a" / name for name in names]) == [here / "a/100.hea"]
    assert find_recordings([here / "README.txt"]) == [here / "README.txt"]
    assert find_recordings([str(here / "**/s?.hea")]) == [here / "b/s1.hea", here / "b/s2.hea"]
    for name in names[:4]:
        assert format_of(here / "a" / name) == "wfdb"
        assert read_ecg(here / "a" / name).signal.shape == (500, 1)


def test_missing_paths_are_named(tmp_path: Path) -> None:
    here = tree(tmp_path)
    (here / "empty").mkdir()
    for name in ("nothing.csv", "*.npz", "empty"):
        with pytest.raises(MissingFileError, match="no recording at"):
            find_recordings([here / name])
    with pytest.raises(MissingFileError, match=r"lonely\.hea|header"):
        find_recordings([here / "lonely.dat"])
    with pytest.raises(RecordError, match=r"z\.pdf"):
        find_recordings([here / "z.pdf"])


def test_an_upper_case_header_hides_no_other_recording(tmp_path: Path) -> None:
    here = tree(tmp_path)
    (here / "B.HEA").write_text("B 1 250 500\nB.dat 16 200 16 0 0 0 0 II\n")
    assert [path.name for path in find_recordings([here])][:2] == ["B.HEA", "100.hea"]
    assert files_of(here / "B.HEA") == [here / "B.HEA"]
    with pytest.raises(MissingFileError, match=r"Expected B\.hea"):
        read_ecg(here / "B.HEA")


def test_every_format_is_found_by_its_suffix() -> None:
    assert set(formats()) >= {"bdf", "csv", "edf", "npy", "npz", "parquet", "wfdb"}
    named = {"csv": "a.TSV", "npy": "a.npy", "parquet": "a.pq", "bdf": "a.bdf", "wfdb": "100.hea"}
    assert {format_of(name) for name in named.values()} == set(named)


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.npy").mkdir()
    with pytest.raises(RecordError, match="is not a file"):
        read_ecg(tmp_path / "x.npy")
    np.save(tmp_path / "y.npy", ecg(2, 250))
    (tmp_path / "y.npy").chmod(0o644)
    with pytest.raises(MissingFileError):
        read_ecg(tmp_path / "z.npy")


def test_text_files_in_a_folder_are_told_by_their_content(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = "".join(f"{i / 250:.3f}\t{i % 7 / 10:.2f}\n" for i in range(500))
    made = {
        "a.txt": "time (s)\tECG (mV)\n" + rows,
        "b.TXT": "# OpenSignals\n# EndOfHeader\n" + rows,
        "README.txt": "Recorded 2020\n\nSubjects:\n1 f 30\n2 m 41\n3 f 25\n",
        "notes.txt": "The patient moved at\n12\n34\n",
        "empty.txt": "",
        "image.txt": "\x00\x01" * 300,
        ".hidden.txt": rows,
        "._a.txt": rows,
    }
    for name, text in made.items():
        (tmp_path / name).write_text(text, "latin-1")
    assert [path.name for path in find_recordings([tmp_path])] == ["a.txt", "b.TXT"]
    said = [record.getMessage() for record in caplog.records]
    assert sorted(Path(line.split(" is not")[0]).name for line in said) == [
        "README.txt",
        "empty.txt",
        "image.txt",
        "notes.txt",
    ]
    assert all("is skipped" in line and "\n" not in line for line in said)
