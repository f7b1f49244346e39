"""Text tables in the encodings that programs write; names survive into every format."""

from __future__ import annotations

import codecs
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ecgmodel.files import Hints, read_ecg, write_ecg
from ecgmodel.files._text import encoding_of
from tests.wfdb_files import ecg

SIGNAL = np.round(ecg(8, 250), 3)
HEAD = "Zeit (s);EKG Größe (µV);Länge\n"
ROWS = [f"{i / 250:.3f};{1000 * v:.1f};ü\n" for i, v in enumerate(SIGNAL)]
ENCODINGS = {
    "cp1252": b"",
    "latin-1": b"",
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}
CASES = [(codec, b"") for codec in ENCODINGS] + [(c, mark) for c, mark in ENCODINGS.items() if mark]


@pytest.mark.parametrize(("codec", "mark"), CASES)
def test_names_units_and_all_other_text_survive(tmp_path: Path, codec: str, mark: bytes) -> None:
    file = tmp_path / "a.csv"
    end = "\x81" if codec == "latin-1" else ""
    file.write_bytes(mark + (HEAD + "".join(ROWS).replace("ü\n", f"ü{end}\n")).encode(codec))
    read = read_ecg(file)
    assert (read.fs, read.leads, read.other) == (250, ("EKG Größe",), ("Zeit (s)", "Länge"))
    np.testing.assert_allclose(read.signal[:, 0], SIGNAL, atol=1e-9)
    assert encoding_of(file).codec == codec
    (made,) = write_ecg(file, replace(read, signal=read.signal / 2), tmp_path / "o", comment="x")
    before = file.read_bytes().removeprefix(mark).decode(codec).splitlines()
    text = made.read_bytes()
    assert text.startswith(mark)
    after = text.removeprefix(mark).decode(codec).splitlines()
    assert [line.split(";")[::2] for line in after] == [line.split(";")[::2] for line in before]
    np.testing.assert_allclose(read_ecg(made).signal, read.signal / 2, atol=1e-5)
    assert read_ecg(file, Hints(columns=("EKG Größe",))).leads == ("EKG Größe",)


@pytest.mark.parametrize("format", ["parquet", "npz", "wfdb", "edf", "bdf", "csv"])
def test_names_survive_into_every_format(tmp_path: Path, format: str) -> None:
    file = tmp_path / "a.tsv"
    file.write_bytes((HEAD + "".join(ROWS)).replace(";", "\t").encode("cp1252"))
    made = write_ecg(file, read_ecg(file), tmp_path / "out", comment="x", format=format)[0]
    name = "EKG Grosse" if format in ("edf", "bdf") else "EKG Größe"  # EDF: ASCII only
    assert read_ecg(made).leads == (name,)


def test_an_encoding_that_shows_only_at_the_end(tmp_path: Path) -> None:
    rows = [f"{i / 250:.3f};{v:.3f};\n" for i, v in enumerate(np.tile(SIGNAL, 60))]
    rows[-1] = rows[-1].replace(";\n", ";Größe\n")
    file = tmp_path / "a.csv"
    file.write_bytes(("t (s);ECG (mV);note\n" + "".join(rows)).encode("cp1252"))
    assert file.stat().st_size > 2**20
    assert encoding_of(file).charset == "windows-1252"
    (made,) = write_ecg(file, read_ecg(file).signal, tmp_path / "out", comment="")
    assert made.read_bytes().endswith("Größe\n".encode("cp1252"))


def test_utf_8_across_pieces_is_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"x" * (2**20 - 1) + "ü".encode() + b"\n")
    assert encoding_of(file).codec == "utf-8"
