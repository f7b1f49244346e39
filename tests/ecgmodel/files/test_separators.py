"""Commas, points and spaces between columns, decimals and thousands, in every region's way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ecgmodel.errors import RecordError
from ecgmodel.files import Hints, read_ecg, write_ecg
from tests.wfdb_files import ecg

MV = np.round(np.stack([ecg(8, 250, seed=s) for s in (1, 2)], axis=1), 3)
UV = 1000 * MV


def table(path: Path, head: str, lines: list[str], encoding: str = "utf-8") -> Path:
    path.write_bytes((head + "\n".join(lines) + "\n").encode(encoding))
    return path


def comma(value: float, digits: int = 3) -> str:
    return f"{value:.{digits}f}".replace(".", ",")


def german(value: float) -> str:
    return f"{value:,.2f}".translate({44: ".", 46: ","})


def check(file: Path, expected: np.ndarray, hints: Hints, sign: str) -> list[str]:
    """Check what is read, and what is read again after other numbers were written."""
    read = read_ecg(file, hints)
    np.testing.assert_allclose(read.signal, expected, atol=1e-9)
    (made,) = write_ecg(file, read.signal * 0.5, file.parent / "out", comment="", hints=hints)
    again = read_ecg(made, hints)
    np.testing.assert_allclose(again.signal, expected / 2, atol=1e-5)
    lines = made.read_text(errors="replace").splitlines()
    assert sign in lines[-1]
    assert len(lines) == len(file.read_text(errors="replace").splitlines())
    return lines


APPLE = (
    "Name,anonymous\nDate of Birth,\nRecorded Date,2024-03-02 10:11:12 +0100\n"
    'Device,"Watch4,1"\nSample Rate,512,254 hertz\n\n\nLead,Lead I\nUnit,µV\n\n'
)


def test_apples_export_with_decimal_commas(tmp_path: Path) -> None:
    file = table(tmp_path / "a.csv", APPLE, [comma(v) for v in UV[:, 0]])
    read = read_ecg(file)
    assert read.fs == 512.254
    lines = check(file, MV[:, :1], Hints(), ",")
    assert lines[:10] == file.read_text().splitlines()[:10]
    assert all(line.count(",") == 1 for line in lines[10:])


def test_whole_numbers_among_decimal_commas(tmp_path: Path) -> None:
    lines = [f"{v:g}".replace(".", ",") for v in UV[:, 0] / 8]
    assert any("," not in line for line in lines)
    file = table(tmp_path / "a.csv", "Sample Rate,512,254 hertz\nUnit,µV\n\n", lines)
    np.testing.assert_allclose(read_ecg(file).signal[:, 0], MV[:, 0] / 8, atol=1e-9)


def test_a_comma_is_delimiter_and_decimal_sign(tmp_path: Path) -> None:
    rows = [f"{i},{comma(a)},{comma(b)}" for i, (a, b) in enumerate(MV.tolist())]
    lines = check(
        table(tmp_path / "a.csv", "sample,II,V5\n", rows), MV, Hints(fs=250, unit="mV"), ","
    )
    assert lines[0] == "sample,II,V5"
    assert lines[1].split(",")[0] == "0"
    assert len(lines[1].split(",")) == 5
    rows = [f"{comma(i / 250)}, {comma(a)}, {comma(b)}" for i, (a, b) in enumerate(MV.tolist())]
    read = read_ecg(table(tmp_path / "b.csv", "time (s), II (mV), V5 (mV)\n", rows))
    assert (read.fs, read.leads) == (250, ("II", "V5"))
    np.testing.assert_array_equal(read.signal, MV)


def test_quoted_cells_with_a_decimal_comma(tmp_path: Path) -> None:
    rows = [f'"{comma(i / 250)}","{comma(a)}",{i}' for i, a in enumerate(MV[:, 0].tolist())]
    head = '"time (s)","II (mV)","count"\n'
    lines = check(table(tmp_path / "a.csv", head, rows), MV[:, :1], Hints(), ",")
    assert lines[1].startswith('"0,000","')


@pytest.mark.parametrize("flat", [0, 600, 3000])
@pytest.mark.parametrize(
    ("delimiter", "sign"), [(";", ","), ("\t", ","), (" ", ","), (";", "."), (",", ".")]
)
def test_the_dialect_shows_only_further_down(
    tmp_path: Path, delimiter: str, sign: str, flat: int
) -> None:
    rows = [delimiter.join(("0", "0"))] * flat + [
        delimiter.join(f"{v:.3f}".replace(".", sign) for v in row) for row in MV.tolist()
    ]
    expected = np.concatenate([np.zeros((flat, 2)), MV])
    head = delimiter.join(("II_mV", "V5_mV")) + "\n"
    check(table(tmp_path / "a.csv", head, rows), expected, Hints(fs=250), sign)


def test_the_comma_shows_only_further_down(tmp_path: Path) -> None:
    lines = ["0,000"] * 700 + [comma(v) for v in UV[:, 0]]
    read = read_ecg(table(tmp_path / "a.csv", APPLE, lines))
    np.testing.assert_allclose(read.signal[700:, 0], MV[:, 0], atol=1e-9)


@pytest.mark.parametrize(
    ("form", "delimiter"),
    [
        (german, ";"),
        (german, "\t"),
        (lambda v: f"{v:,.2f}", ";"),
        (lambda v: f"{v:,.2f}".replace(",", "'"), ";"),
        (lambda v: f"{v:,.2f}".translate({44: "\u00a0", 46: ","}), ";"),
        (lambda v: f"{v:,.2f}".translate({44: " ", 46: ","}), ";"),
        (lambda v: f"{v:,.2f}".translate({44: " ", 46: ","}), "\t"),
        (lambda v: f"{v:,.2f}".translate({44: "\u202f", 46: ",", 45: "\u2212"}), "\t"),
        (lambda v: f"{v:,.0f}".replace(",", "."), ";"),
        (lambda v: f"{v:,.0f}", "\t"),
    ],
)
def test_thousands_have_separators(
    tmp_path: Path, form: Callable[[float], str], delimiter: str
) -> None:
    signal = np.round(3 * UV, 2 if "." in form(0.5) or "," in form(0.5) else 0)
    rows = [delimiter.join((str(i), form(a))) for i, a in enumerate(signal[:, 0].tolist())]
    head = delimiter.join(("sample", "II_uV")) + "\n"
    file = table(tmp_path / "a.csv", head, rows)
    check(file, signal[:, :1] / 1000, Hints(fs=250), delimiter)
    assert f"1{form(1000.0)[1]}" in (tmp_path / "out/a.csv").read_text()


def test_three_decimals_are_no_thousands(tmp_path: Path) -> None:
    signal = 300 + 50 * MV[:, 0]
    rows = [f"{i + 100};{v:.3f}" for i, v in enumerate(signal)]
    assert not any(row.endswith("000") and row.count(".") == 0 for row in rows)
    read = read_ecg(table(tmp_path / "a.csv", "sample;II_uV\n", rows), Hints(fs=250))
    np.testing.assert_allclose(read.signal[:, 0] * 1000, signal, atol=1e-3)


@pytest.mark.parametrize(
    ("head", "lines"),
    [
        ("", [f"{i % 7},{i % 5}" for i in range(60)]),
        ("", [f"{300 + i},{i % 90 + 10}" for i in range(60)]),
        ("II_uV;b\n", ["1.234;1", "987;1", "654;2", "1.002;1"] * 5),
    ],
)
def test_two_readings_are_refused(tmp_path: Path, head: str, lines: list[str]) -> None:
    with pytest.raises(RecordError, match="can be read in two ways"):
        read_ecg(table(tmp_path / "a.csv", head, lines), Hints(fs=250, unit="uV"))


@pytest.mark.parametrize(
    ("head", "lines"),
    [
        ("ecg,flag\n", [f"{512 + i},{i % 2}" for i in range(60)]),
        ("", [f"{512 + i % 200},{400 + i % 300}" for i in range(900)]),
        ("code,ecg\n", [f"{512 + i},{-300 + i}" for i in range(60)]),
    ],
)
def test_integers_between_commas_stay_columns(tmp_path: Path, head: str, lines: list[str]) -> None:
    read = read_ecg(
        table(tmp_path / "a.csv", head, lines), Hints(fs=250, unit="uV", columns=(1, 2))
    )
    expected = [[float(cell) / 1000 for cell in line.split(",")] for line in lines]
    np.testing.assert_allclose(read.signal, expected)
