"""Annotation files are read, or refused by name; none hangs wfdb."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecgmodel.errors import MissingFileError, RecordError
from ecgmodel.wfdb.annotations import are_annotations, read_annotations


def test_annotations_survive_a_round_trip(tmp_path: Path) -> None:
    wfdb.wrann(
        "a",
        "atr",
        np.array([10, 300, 520]),
        ["N", "V", "+"],
        aux_note=["", "", "(AFIB"],
        fs=250,
        write_dir=str(tmp_path),
    )
    found = read_annotations(tmp_path / "a", "atr")
    assert found.samples.tolist() == [10, 300, 520]
    assert found.symbols.tolist() == ["N", "V", "+"]
    assert found.notes == ("", "", "(AFIB")
    assert found.fs == 250


@pytest.mark.parametrize(
    "note", [b"## whatever", b"## time resolution:\r", b"## end of definitions"]
)
def test_definitions_that_hang_wfdb_are_refused(tmp_path: Path, note: bytes) -> None:
    length = len(note).to_bytes(1, "little")
    (tmp_path / "a.atr").write_bytes(b"\x00\x58" + length + b"\xfc" + note + b"\0" * 2)
    with pytest.raises(RecordError, match=r"a\.atr is damaged"):
        read_annotations(tmp_path / "a", "atr")


def test_a_missing_annotation_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"a\.atr"):
        read_annotations(tmp_path / "a", "atr")


def test_other_files_are_not_taken_for_annotations(tmp_path: Path) -> None:
    at = np.array([10, 5000, 70_000])
    notes = ["", "odd", "(AFIB"]
    wfdb.wrann(
        "a", "atr", at, ["N", "V", "+"], chan=at % 2, aux_note=notes, write_dir=str(tmp_path)
    )
    content = (tmp_path / "a.atr").read_bytes()
    assert are_annotations(content)
    assert are_annotations(content + b"\0\0")
    assert are_annotations(b"\0\0")
    for other in (b"", b"\0", content[:-2], content + b"\1\0", content + b"\0", b"a 1 250 5\n"):
        assert not are_annotations(other)
    assert not are_annotations(b"\x00\xd0\0\0")  # kind 52, which is none


@pytest.mark.parametrize("annotator", ["atr", "q1c", "pu1"])
def test_real_annotation_files_are_recognised(physionet: Path, annotator: str) -> None:
    files = sorted(physionet.glob(f"*/*/*.{annotator}"))
    assert files
    assert all(are_annotations(file.read_bytes()) for file in files)
