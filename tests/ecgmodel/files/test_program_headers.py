"""Tables of recording programs: what their headers state is read, and stays where they look."""

from __future__ import annotations

import json
from pathlib import Path

import neurokit2
import numpy as np
import pandas as pd
import pytest

from ecgmodel.errors import HintNeededError
from ecgmodel.files import Hints, read_ecg, write_ecg
from tests.wfdb_files import ecg

SIGNAL = np.round(ecg(8, 250), 3)
COUNTS = np.round(512 + 200 * SIGNAL).astype(int)


def table(path: Path, head: str, lines: list[str]) -> Path:
    path.write_text(head + "\n".join(lines) + "\n", "utf-8")
    return path


def rewritten(file: Path, hints: Hints | None = None) -> Path:
    signal = read_ecg(file, hints).signal / 2
    (made,) = write_ecg(file, signal, file.parent / "out", comment="cleaned", hints=hints)
    return made


def open_signals(path: Path, sensors: list[str], rate: int = 250) -> Path:
    labels = [f"A{i + 2}" for i in range(len(sensors))]
    device = {
        "device": "bitalino_rev", "sampling rate": rate, "sensor": sensors, "label": labels,
        "resolution": [4, 1, *[10] * len(sensors)], "column": ["nSeq", "I1", *labels],
        "date": "2024-1-16", "time": "15:24:2.95", "channels": [1], "special": [{}],
    }  # fmt: skip
    head = f"# OpenSignals Text File Format\n# {json.dumps({'00:07': device})}\n# EndOfHeader\n"
    lines = [
        "\t".join([str(i % 16), "0", *[str(c)] * len(sensors), ""]) for i, c in enumerate(COUNTS)
    ]
    return table(path, head, lines)


def test_open_signals_states_rate_columns_and_resolution(tmp_path: Path) -> None:
    file = open_signals(tmp_path / "a.txt", ["ECG"])
    with pytest.raises(HintNeededError, match=r"lead ECG: .*--gain") as asked:
        read_ecg(file)
    assert "--unit" in asked.value.options
    read = read_ecg(file, Hints(gain=200))
    assert (read.fs, read.leads) == (250, ("ECG",))
    np.testing.assert_allclose(read.signal[:, 0], COUNTS / 200)
    assert read.adc_ranges == ((0.0, 1023 / 200),)
    made = rewritten(file, Hints(gain=200))
    before, after = (neurokit2.read_bitalino(str(f))[1] for f in (file, made))
    assert after == before
    assert made.read_text().splitlines()[:4] == [
        *file.read_text().splitlines()[:2], "# cleaned", "# EndOfHeader",
    ]  # fmt: skip


def test_open_signals_with_other_sensors(tmp_path: Path) -> None:
    file = open_signals(tmp_path / "a.txt", ["EDA", "ECG", "RESP"], 1000)
    read = read_ecg(file, Hints(gain=200))
    assert (read.fs, read.leads) == (1000, ("ECG",))
    assert "RESP" in read.other
    read = read_ecg(open_signals(tmp_path / "b.txt", ["ECG", "ECG"]), Hints(gain=200))
    assert read.leads == ("ECG A2", "ECG A3")


@pytest.mark.parametrize("sign", [".", ","])
def test_lab_chart(tmp_path: Path, sign: str) -> None:
    head = (
        "Interval=\t0.004 s\nExcelDateTime=\t4.2e4\t01/02/2020 10:00:00\n"
        "TimeFormat=\tStartOfBlock\nDateFormat=\t\nChannelTitle=\tECG\tResp Belt\n"
        "Range=\t2.000 mV\t10.000 V\n"
    )
    lines = [f"{i / 250:.3f}\t{v:.3f}\t{v / 7:.4f}" for i, v in enumerate(SIGNAL)]
    text = [line.replace(".", sign) for line in lines]
    file = table(tmp_path / "a.txt", head.replace("0.004 s", f"0{sign}004 s"), text)
    read = read_ecg(file)
    assert (read.fs, read.leads, read.other) == (250, ("ECG",), ("time", "Resp Belt"))
    np.testing.assert_allclose(read.signal[:, 0], SIGNAL)
    assert rewritten(file).read_text().startswith(file.read_text().split("ChannelTitle")[0])


@pytest.mark.parametrize("times", [True, False])
def test_acq_knowledge(tmp_path: Path, times: bool) -> None:
    n = len(SIGNAL)
    head = "run 3.acq\n4 msec/sample\n2 channels\nECG - ECG100C\nmV\nRespiration\nVolts\n"
    lines = [f"{v:.3f}\t{v / 7:.4f}\t" for v in SIGNAL]
    if times:
        head += f"min\tCH1\tCH2\t\n\t{n}\t{n}\t\n"
        lines = [f"{i / 250 / 60:.6f}\t{line}" for i, line in enumerate(lines)]
    read = read_ecg(table(tmp_path / "a.txt", head, lines))
    assert (read.fs, read.leads) == (250, ("ECG - ECG100C",))
    np.testing.assert_allclose(read.signal[:, 0], SIGNAL)


def test_a_date_beside_a_time(tmp_path: Path) -> None:
    lines = [f"2024-03-02;23:59:{58 + i / 250:06.3f};{v:.3f}" for i, v in enumerate(SIGNAL[:500])]
    lines += [f"2024-03-03;00:00:{i / 250:06.3f};{v:.3f}" for i, v in enumerate(SIGNAL[500:])]
    read = read_ecg(table(tmp_path / "a.csv", "Date;Time;ECG (mV)\n", lines))
    assert (read.fs, read.leads) == (250, ("ECG",))


@pytest.mark.parametrize("kind", ["dates", "deltas", "seconds", "named"])
def test_an_index_of_pandas(tmp_path: Path, kind: str) -> None:
    index = {
        "dates": pd.date_range("2024-03-02 23:59:59", periods=len(SIGNAL), freq="4ms"),
        "deltas": pd.to_timedelta(np.arange(len(SIGNAL)) * 4, unit="ms"),
        "seconds": pd.Index(np.arange(len(SIGNAL)) / 250),
        "named": pd.date_range("2024-03-02", periods=len(SIGNAL), freq="4ms", name="when"),
    }[kind]
    frame = pd.DataFrame({"ECG (mV)": SIGNAL, "flag": 1}, index=index)
    frame.to_csv(tmp_path / "a.csv")
    if kind == "named":
        read = read_ecg(tmp_path / "a.csv", Hints(time_column="when"))
    else:
        read = read_ecg(tmp_path / "a.csv")
        frame.to_parquet(tmp_path / "a.parquet")
        assert read_ecg(tmp_path / "a.parquet").fs == 250
    assert (read.fs, read.leads) == (250, ("ECG",))


def test_a_counting_index_of_pandas_is_no_time(tmp_path: Path) -> None:
    pd.DataFrame({"ECG (mV)": SIGNAL}).to_csv(tmp_path / "a.csv")
    with pytest.raises(HintNeededError, match="--fs"):
        read_ecg(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("name", "unit"),
    [("Time [min]", 60), ("time (minutes)", 60), ("t [h]", 3600), ("Time (msec)", 1e-3)],
)
def test_units_of_times(tmp_path: Path, name: str, unit: float) -> None:
    lines = [f"{i / 250 / unit:.9f},{v:.3f}" for i, v in enumerate(SIGNAL)]
    read = read_ecg(table(tmp_path / "a.csv", f"{name},ECG [mV]\n", lines))
    assert read.fs == 250


@pytest.mark.parametrize(
    ("head", "place"),
    [
        ("# one\nt,ECG (mV)\n", 1),
        ("# one\n# two\n# three\nt,ECG (mV)\n", 3),
        ("# one\n# two\n# t,ECG_mV\n", 2),
        ("# t,ECG_mV\n", -1),
        ("# fs=250\n# t,ECG_mV\n", -1),
    ],
)
def test_a_comment_stands_where_names_and_facts_are_still_found(
    tmp_path: Path, head: str, place: int
) -> None:
    lines = [f"{i / 250:.3f},{v:.3f}" for i, v in enumerate(SIGNAL)]
    file = table(tmp_path / "a.csv", head, lines)
    made = rewritten(file)
    found = made.read_text().splitlines()
    assert found[place] == "# cleaned"
    del found[place]
    assert found[: head.count("\n")] == head.splitlines()
    assert read_ecg(made).leads == ("ECG",)
    assert len(np.genfromtxt(made, delimiter=",", comments="#", skip_header=1)) >= len(SIGNAL)
