"""A user's own recordings: all records of a tree; edits are detected, bad records named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecgmodel.errors import MissingFileError, RecordError, SourceError, UnknownNameError
from ecgmodel.sources.base import RecordSource
from ecgmodel.sources.folder import FolderSource
from tests.tiny_wfdb import digital, write_record


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "my recordings"
    write_record(folder / "ward b" / "2024", "p2", fmt="16", leads=3)
    write_record(folder, "p1")
    return folder


def one(tree: Path, name: str = "p1") -> RecordSource:
    (record,) = FolderSource(tree).records(names=(name,))
    return record


def test_records_are_found_in_every_folder(tree: Path) -> None:
    records = FolderSource(tree).records("mine")
    assert [(r.database, r.name) for r in records] == [("mine", "p1"), ("mine", "ward b/2024/p2")]
    files = dict(records[1].files)
    assert set(files) == {f"ward b/2024/p2.{s}" for s in ("hea", "dat", "atr")}
    assert all(files.values())


def test_a_record_is_copied_flat_into_its_folder(tree: Path, tmp_path: Path) -> None:
    info = FolderSource(tree).fetch(one(tree, "ward b/2024/p2"), tmp_path / "r", 0, 1, False)
    assert (info["record"], info["header"]) == ("ward b/2024/p2", "p2")
    assert (info["partial"], info["start_s"], info["version"]) == (False, 0.0, "")
    assert {path.name for path in (tmp_path / "r").iterdir()} == set(info["files"])
    copied = digital(tmp_path / "r/p2.hea")
    for found, whole in zip(copied, digital(tree / "ward b/2024/p2.hea"), strict=True):
        np.testing.assert_array_equal(found, whole)


@pytest.mark.parametrize("suffix", ["hea", "dat", "atr"])
def test_an_edited_file_changes_the_record(tree: Path, suffix: str) -> None:
    before = FolderSource(tree).records()
    with (tree / f"p1.{suffix}").open("ab") as file:
        file.write(b"#")
    after = FolderSource(tree).records()
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_an_edit_between_listing_and_copying_is_detected(tree: Path, tmp_path: Path) -> None:
    record = one(tree)
    (tree / "p1.dat").write_bytes(b"\0" * (tree / "p1.dat").stat().st_size)
    with pytest.raises(SourceError, match=r"p1\.dat changed after it was listed"):
        FolderSource(tree).fetch(record, tmp_path / "r", 0, 1, False)


def test_files_of_an_earlier_copy_are_used_or_replaced(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r/p1.dat").write_bytes(b"half of it")
    (tmp_path / "r/p1.hea").write_bytes((tree / "p1.hea").read_bytes())
    FolderSource(tree).fetch(one(tree), tmp_path / "r", 0, 1, False)
    assert (tmp_path / "r/p1.dat").read_bytes() == (tree / "p1.dat").read_bytes()


def test_unknown_names_get_the_nearest(tree: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"'p3'.*p1"):
        FolderSource(tree).records(names=("p3",))
    with pytest.raises(RecordError, match="points outside its folder"):
        FolderSource(tree).records(names=("../my recordings/p1",))


def test_a_missing_or_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="nowhere does not exist"):
        FolderSource(tmp_path / "nowhere").records()
    with pytest.raises(MissingFileError, match=r"contains no recording.*\.hea.*edf"):
        FolderSource(tmp_path).records()


def test_a_bad_record_is_listed_and_refused_when_fetched(tree: Path, tmp_path: Path) -> None:
    (tree / "garbage.hea").write_text("this is no header\n")
    (tree / "lonely.hea").write_text("lonely 1 128 100\nlonely.dat 16\n")
    (tree / "short.hea").write_text("short 1 128 100\nshort.dat 16\n")
    (tree / "short.dat").write_bytes(b"\0" * 150)
    source = FolderSource(tree)
    records = {record.name: record for record in source.records()}
    assert set(records) == {"garbage", "lonely", "p1", "short", "ward b/2024/p2"}
    assert dict(records["lonely"].files)["lonely.dat"] is None
    expected = {
        "garbage": (RecordError, r"garbage\.hea cannot be read"),
        "lonely": (MissingFileError, r"signal file .*lonely\.dat is missing"),
        "short": (RecordError, r"short\.dat has 150 bytes, expected 200"),
    }
    for name, (kind, message) in expected.items():
        with pytest.raises(kind, match=message):
            source.fetch(records[name], tmp_path / name, 0, 1, False)
    source.fetch(records["p1"], tmp_path / "p1", 0, 1, False)


def test_a_start_beyond_the_end_is_refused(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"p1 holds 1000 samples.*from 100 s on"):
        FolderSource(tree).fetch(one(tree), tmp_path / "r", 100, 1, False)


def test_hidden_files_are_ignored(tree: Path) -> None:
    (tree / "._p1.hea").write_bytes(b"\0\5\x16\7")
    write_record(tree / ".Trash", "old")
    assert FolderSource(tree).names() == ("p1", "ward b/2024/p2")


def test_segments_are_part_of_their_record(tree: Path, tmp_path: Path) -> None:
    write_record(tree, "m_1", beats=False)
    write_record(tree, "m_2", beats=False)
    (tree / "m.hea").write_text("m/4 2 128 2500\nm_layout 0\nm_1 1000\n~ 500\nm_2 1000\n")
    lines = (f"~ 0 200/mV 12 0 0 0 0 ECG{n}" for n in (1, 2))
    (tree / "m_layout.hea").write_text("\n".join(["m_layout 2 128 0", *lines]))
    record = one(tree, "m")
    assert [r.name for r in FolderSource(tree).records()] == ["m", "p1", "ward b/2024/p2"]
    FolderSource(tree).fetch(record, tmp_path / "r", 0, 1, False)
    assert wfdb.rdrecord(str(tmp_path / "r/m")).sig_len == 2500
    (tree / "m_2.dat").unlink()
    with pytest.raises(MissingFileError, match=r"m_2\.dat"):
        FolderSource(tree).fetch(record, tmp_path / "r2", 0, 1, False)


def test_real_records_are_found_and_copied(physionet: Path, tmp_path: Path) -> None:
    source = FolderSource(physionet / "nstdb")
    record = source.records(names=("1.0.0/118e06",))[0]
    info = source.fetch(record, tmp_path / "r", 0, 60, False)
    assert set(info["files"]) == {"118e06.hea", "118e06.dat", "118e06.atr"}
    assert wfdb.rdrecord(str(tmp_path / "r/118e06")).sig_len == 650_000
