"""Annotation files are read, or refused by name; none keeps wfdb busy for ever."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecgmodel.errors import MissingFileError, RecordError
from ecgmodel.signals.annotations import read_annotations


def test_what_was_written_is_read(tmp_path: Path) -> None:
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
def test_definitions_that_wfdb_never_ends_with(tmp_path: Path, note: bytes) -> None:
    length = len(note).to_bytes(1, "little")
    (tmp_path / "a.atr").write_bytes(b"\x00\x58" + length + b"\xfc" + note + b"\0" * 2)
    with pytest.raises(RecordError, match=r"a\.atr: expected notes"):
        read_annotations(tmp_path / "a", "atr")


def test_none(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"a\.atr"):
        read_annotations(tmp_path / "a", "atr")
