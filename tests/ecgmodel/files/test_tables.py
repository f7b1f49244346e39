"""Tables: names, units and rates are recognised or asked for, never guessed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ecgmodel.errors import HintNeededError, RecordError, SettingsError
from ecgmodel.files import Hints, read_ecg, write_ecg
from ecgmodel.files._channels import choose_leads
from ecgmodel.support.units import millivolts, split_unit
from tests.wfdb_files import ecg

SIGNAL = np.round(np.stack([ecg(3, 250, seed=s) for s in (1, 2)], axis=1), 3)


def table(path: Path, head: str, rows: list[str], end: str = "\n", encoding: str = "utf-8") -> Path:
    path.write_bytes((head + end.join(rows) + end).encode(encoding))
    return path


def rows(form: str, **more: list[str]) -> list[str]:
    """Return lines of a form such as "{i},{a},{b}"."""
    return [
        form.format(i=i, a=a, b=b, ua=a * 1000, ub=b * 1000, **{k: v[i] for k, v in more.items()})
        for i, (a, b) in enumerate(SIGNAL.tolist())
    ]


def seconds(fs: float, digits: int) -> list[str]:
    return [f"{i / fs:.{digits}f}" for i in range(len(SIGNAL))]


def test_physionets_own_tables(tmp_path: Path) -> None:
    times = [f"{int(i / 360 // 60)}:{i / 360 % 60:06.3f}" for i in range(len(SIGNAL))]
    head = "'Elapsed time','MLII','V5'\n'hh:mm:ss.mmm','mV','mV'\n"
    read = read_ecg(table(tmp_path / "a.csv", head, rows("'{t}',{a:.3f},{b:.3f}", t=times)))
    assert (read.fs, read.leads) == (360, ("MLII", "V5"))
    np.testing.assert_array_equal(read.signal, SIGNAL)
    head = "'sample #','MLII','V5'\n'sample #','uV','uV'\n"
    file = table(tmp_path / "b.csv", head, rows("{i},{ua:.0f},{ub:.0f}"))
    with pytest.raises(HintNeededError, match="--fs") as asked:
        read_ecg(file)
    assert asked.value.options == ("--fs",)
    np.testing.assert_allclose(read_ecg(file, Hints(fs=250)).signal, SIGNAL, atol=1e-12)


@pytest.mark.parametrize(
    ("head", "form", "end", "encoding"),
    [
        ("time (s),ECG (mV)\n", "{t},{a}", "\n", "utf-8"),
        ("\ufefft_s;II_mV\r\n", "{t};{a}", "\r\n", "utf-8"),
        ("Zeit (s);EKG [\u00b5V]\n", "{k};{ka}", "\n", "latin-1"),
        ("time\tlead II in mV\n", "{t}\t{a}", "\n", "utf-16"),
        ("# made by hand\n# time, V5/mV\n", "{t}, {a}", "\n", "utf-8"),
        ("  seconds   ECG_mV\n", "  {t}   {a}", "\r", "utf-8"),
        ("Sample Rate,250 hertz\nUnit,\u00b5V\n\n", "{ua:.3f}", "\n", "utf-8"),
        ("timestamp,II (mV),label\n", "2024-02-29T23:59:{s},{a},N", "\n", "utf-8"),
        ("time [ms]|II (mV)|resp (au)\n", "{m}|{a}|1", "\n", "utf-8"),
        ('"time (s)","ECG, lead II (mV)"\n', '"{t}","{a}"', "\n", "utf-8"),
    ],
)
def test_table_layouts(tmp_path: Path, head: str, form: str, end: str, encoding: str) -> None:
    times = seconds(250, 3)
    more = {
        "t": times,
        "k": [t.replace(".", ",") for t in times],
        "ka": [f"{1000 * a:.1f}".replace(".", ",") for a in SIGNAL[:, 0]],
        "s": [f"{50 + i / 250:09.6f}" for i in range(len(SIGNAL))],
        "m": [f"{4 * i}" for i in range(len(SIGNAL))],
    }
    read = read_ecg(table(tmp_path / "x.csv", head, rows(form, **more), end, encoding))
    assert read.fs == 250
    assert read.signal.shape == (len(SIGNAL), 1)
    np.testing.assert_allclose(read.signal[:, 0], SIGNAL[:, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("head", "fs"),
    [
        ("Heart rate: 72\nSampling rate: 250\n", 250),
        ("Average Heart Rate,72 BPM\nSampling Frequency,500 Hz\n", 500),
        ("Low pass cutoff frequency = 150 Hz\nSampling frequency = 500 Hz\n", 500),
        ("Sampling rate: 500 Hz, notch filter 50 Hz\n", 500),
        ("Sampling rate: 500 Hz (unfiltered)\n", 500),
        ("fs,500,filter frequency 50\n", 500),
        ("frequency: 50 Hz\nfs: 1 kHz\n", 1000),
        ("Sample rate: 1,000 Hz\n", 1000),
        ("Sample rate: 1.000 kHz\n", 1000),
        ("Abtastrate; sampling rate: 360,000 Hz\n", 360),
        ("Sampling frequency (Hz): 500\nFrequency: 60 Hz\n", 500),
        ("High resolution ECG, sampling rate [kHz]: 1\n", 1000),
        ("frequency = 250\n", 250),
        ("Rate: 250 Hz\n", 250),
        ("fs=250\nsampling rate: 250 Hz\n", 250),
        ("Heart rate: 72\n", None),
        ("Heart rate,72\n", None),
        ("Mean rate 72 bpm;Patient 5\n", None),
        ("Rate: 72\n", None),
        ("Frequency: 72/min\n", None),
        ("Pulse rate 72 Hz\nRespiration sampling rate: 25 Hz\n", None),
        ("Filter frequency: 50 Hz\n", None),
        ("Low pass cutoff frequency = 150 Hz\n", None),
        ("Max. frequency 100 Hz\nLow frequency: 0.05 Hz\n", None),
        ("Sampling rate: 250 Hz\nSampling rate: 500 Hz\n", (250, 500)),
        ("Sample rate: 10,000 Hz\n", (10, 10_000)),
    ],
)
def test_a_sampling_rate_above_the_table_is_used(
    tmp_path: Path, head: str, fs: int | tuple[int, ...] | None
) -> None:
    file = table(tmp_path / "x.csv", f"{head}II (mV)\n", rows("{a}"))
    if isinstance(fs, int):
        assert read_ecg(file).fs == fs
        return
    seen = " and ".join(f"{rate:g}" for rate in fs) if fs else "does not state"
    with pytest.raises(HintNeededError, match=seen):
        read_ecg(file)


def test_missing_cells(tmp_path: Path) -> None:
    body = rows("{t},{a}", t=seconds(250, 3))
    for row, word in ((5, ""), (6, "NaN"), (7, "-"), (8, "null"), (9, "inf")):
        body[row] = f"{body[row].split(',')[0]},{word}"
    read = read_ecg(table(tmp_path / "x.csv", "time (s),II (mV)\n", body))
    assert np.flatnonzero(np.isnan(read.signal[:, 0])).tolist() == [5, 6, 7, 8, 9]
    assert "1 infinite samples treated as missing" in read.remarks


@pytest.mark.parametrize(
    ("head", "form", "hints", "option", "seen"),
    [
        ("II (mV)\n", "{a}", Hints(), "--fs", "sampling rate"),
        ("t,II (mV)\n", "{i},{a}", Hints(), "--fs", "a step of 1 and no unit"),
        ("time (s),II\n", "{t},{c}", Hints(), "--unit", "no unit for these integers"),
        ("time (s),II (mV)\n", "{t},{c}00", Hints(), "--unit", "too large for an ECG"),
        ("time (s),a,b\n", "{t},{a},{b}", Hints(), "--column", "'a', 'b'"),
        ("", "{a},{b}", Hints(fs=250), "--column", "'column 1', 'column 2'"),
        ("time (s),II (mV)\n", "{t},{a}", Hints(columns=("V9",)), "--column", "'V9'"),
        ("time (s),II (mV)\n", "{t},{a}", Hints(time_column="x"), "--time-column", "'x'"),
    ],
)
def test_missing_information_is_asked_for(
    tmp_path: Path, head: str, form: str, hints: Hints, option: str, seen: str
) -> None:
    counts = [str(round(200 * a)) for a in SIGNAL[:, 0]]
    file = table(tmp_path / "x.csv", head, rows(form, t=seconds(250, 3), c=counts))
    with pytest.raises(HintNeededError) as asked:
        read_ecg(file, hints)
    assert asked.value.options[0] == option
    assert option in str(asked.value)
    assert seen in str(asked.value)
    assert "x.csv" in str(asked.value)


def test_hints_supply_missing_information(tmp_path: Path) -> None:
    file = table(tmp_path / "x.csv", "", rows("{i},{ua:.0f},{ub:.0f}"))
    for columns in ((2, 3), ("column 2", "column 3"), ("2", "3")):
        read = read_ecg(file, Hints(fs=250, unit="µV", columns=columns))
        np.testing.assert_allclose(read.signal, SIGNAL, atol=5e-4)
    assert read_ecg(file, Hints(fs=250, unit="uV", columns=(3,))).signal.shape[1] == 1
    named = table(tmp_path / "y.csv", "k,MLII\n", rows("{m},{a}", m=seconds(500, 3)))
    assert read_ecg(named, Hints(time_column="k")).fs == 500
    for wrong in ({"fs": -1.0}, {"fs": float("nan")}, {"fs": 1e9}, {"unit": "mmHg"}):
        with pytest.raises(SettingsError):
            Hints(**wrong)


def test_times_with_a_gap_or_out_of_order_are_refused(tmp_path: Path) -> None:
    body = rows("{t},{a}", t=seconds(250, 3))
    head = "time (s),II (mV)\n"
    with pytest.raises(RecordError, match=r"uneven. Sample 101 comes 0\.008"):
        read_ecg(table(tmp_path / "gap.csv", head, body[:100] + body[101:]))
    with pytest.raises(RecordError, match="not ascending"):
        read_ecg(table(tmp_path / "back.csv", head, [*body[:5], body[1], *body[5:]]))
    assert read_ecg(tmp_path / "gap.csv", Hints(fs=250)).fs == 250


@pytest.mark.parametrize("fs", [100, 128, 257, 360, 500, 512])
@pytest.mark.parametrize("digits", [3, 6])
def test_rounded_times_give_the_exact_rate(tmp_path: Path, fs: int, digits: int) -> None:
    body = rows("{t},{a}", t=seconds(fs, digits))
    assert read_ecg(table(tmp_path / "x.csv", "time (s),II (mV)\n", body)).fs == fs


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"\x00\x01\x02" * 50, "NUL byte"),
        (b"a,b\n" + b"1," * 40_000 + b"\n", "line 2"),
        (b"hello\nworld\n", "not a table"),
        (b"time (s),II (mV)\n" + b"0.000,0.5\n" * 3 + b"0.012\n" + b"0.016,1.5\n" * 999, "cells"),
        (b"time (s),II (mV)\n" + b"0.1,0.5\n" * 600 + b"0.2,abc\n", "line 602.*'abc'"),
        (b"time (s),II (mV)\n" + b"0.1,0.5\n" * 600 + b'0.2,"0.5\n', "quote"),
        (b"time (s),II (mV)\n" + b"0.1,\n" * 5 + b"0.1,nan\n", "no ECG samples|not a table"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "x.csv").write_bytes(data)
    with pytest.raises(RecordError, match=message):
        read_ecg(tmp_path / "x.csv", Hints(fs=250))


def test_too_many_leads_are_refused(tmp_path: Path) -> None:
    head = ",".join(f"ecg{i} (mV)" for i in range(257)) + "\n"
    body = [",".join([str(a)] * 257) for a in SIGNAL[:50, 0]]
    with pytest.raises(RecordError, match=r"at most 256 leads\. Received: 257"):
        read_ecg(table(tmp_path / "x.csv", head, body), Hints(fs=250))


def test_a_parquet_schema_states_rate_and_unit(tmp_path: Path) -> None:
    counts = pa.array(np.round(1000 * SIGNAL[:, 0]).astype(np.int32))
    field = pa.field("II", pa.int32(), metadata={"unit": "uV"})
    made = pa.table([counts, counts], schema=pa.schema([field, pa.field("marks", pa.int32())]))
    pq.write_table(made.replace_schema_metadata({"fs": "250"}), tmp_path / "x.parquet")
    read = read_ecg(tmp_path / "x.parquet")
    assert (read.fs, read.leads, read.other) == (250, ("II",), ("marks",))
    np.testing.assert_allclose(read.signal[:, 0], SIGNAL[:, 0], atol=1e-12)
    pq.write_table(made.replace_schema_metadata({"fs": "x"}), tmp_path / "y.parquet")
    with pytest.raises(HintNeededError, match="--fs"):
        read_ecg(tmp_path / "y.parquet")


def test_units_in_all_spellings() -> None:
    for name, unit in (
        *(("ECG (mV)", 1.0), ("MLII_uV", 1e-3), ("II [µV]", 1e-3), ("V5/mV", 1.0)),
        *(("II (\u03bcV)", 1e-3), ("lead in mV", 1.0), ("I (V)", 1e3), ("II (millivolts)", 1.0)),
    ):
        assert millivolts(split_unit(name)[1]) == unit, name
    for name in ("V", "V5", "aVL", "ABP (mmHg)", "ecg_v"):
        assert millivolts(split_unit(name)[1]) is None, name


@pytest.mark.parametrize(
    ("names", "leads"),
    [
        (("MLII", "V5"), (0, 1)),
        (("ECG LA-RA", "EEG Fpz-Cz", "EMG chin"), (0,)),
        (("C3-A2", "O1", "EKG1", "Resp"), (2,)),
        (("CH1", "CH2", "CH3"), None),
        (("CH1",), (0,)),
        (("i", "ii", "avr", "v6", "vx"), (0, 1, 2, 3, 4)),
        (("lead I", "HR", "ecg_quality"), (0,)),
        (("C3-A2", "signal"), None),
        (("Fp1", "C3", "Cz"), None),
        (tuple(f"A{i}" for i in range(3, 40)), None),
    ],
)
def test_channels_in_volts_are_leads(names: tuple[str, ...], leads: tuple[int, ...] | None) -> None:
    units = ["uV"] * len(names)
    if leads is None:
        with pytest.raises(HintNeededError, match="--column"):
            choose_leads(names, units, Hints(), Path("x.edf"))
    else:
        assert choose_leads(names, units, Hints(), Path("x.edf")).leads == leads


def test_adc_units_become_millivolts_by_the_gain(tmp_path: Path) -> None:
    steps = np.round(SIGNAL * 200)
    file = tmp_path / "a.csv"
    np.savetxt(file, steps, "%d", ",", header="II,V5", comments="")
    with pytest.raises(HintNeededError, match="ADC units per mV with --gain"):
        read_ecg(file, Hints(fs=250))
    read = read_ecg(file, Hints(fs=250, gain=200))
    np.testing.assert_allclose(read.signal, steps / 200, atol=1e-12)
    (written,) = write_ecg(
        file, replace(read, signal=read.signal / 2), tmp_path / "out", comment=""
    )
    found = np.loadtxt(written, delimiter=",", skiprows=1)
    np.testing.assert_allclose(found, steps / 2, atol=0.01)
    np.savez(tmp_path / "a.npz", ecg=steps, fs=250)
    with pytest.raises(HintNeededError, match="ADC units per mV with --gain"):
        read_ecg(tmp_path / "a.npz")
    found = read_ecg(tmp_path / "a.npz", Hints(gain=200)).signal
    np.testing.assert_allclose(found, steps / 200, atol=1e-12)
    stated = table(tmp_path / "b.csv", "II (mV)\n", [f"{a}" for a in SIGNAL[:, 0]])
    np.testing.assert_array_equal(
        read_ecg(stated, Hints(fs=250, gain=200)).signal[:, 0], SIGNAL[:, 0]
    )
    for wrong in ({"gain": 0.0}, {"gain": float("inf")}, {"gain": 200.0, "unit": "mV"}):
        with pytest.raises(SettingsError, match="gain"):
            Hints(**wrong)


@pytest.mark.parametrize(
    ("head", "form", "decimal"),
    [("II\n", "{ua:.0f}", "."), ("I;II\n", "{ua:.0f};{ub:.0f}", ",")],
)
def test_integers_get_a_decimal_comma_only_between_semicolons(
    tmp_path: Path, head: str, form: str, decimal: str
) -> None:
    file = table(tmp_path / "x.csv", head, rows(form))
    read = read_ecg(file, Hints(fs=250, unit="uV"))
    (written,) = write_ecg(file, replace(read, signal=read.signal / 3), tmp_path / "o", comment="")
    found = pd.read_csv(written, sep=";", decimal=decimal).to_numpy()
    np.testing.assert_allclose(found, read.signal / 3 * 1000, atol=0.01)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_byte_order_mark_before_the_first_sample(tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff".encode(encoding)
    file = tmp_path / "x.csv"
    body = "\n".join(rows("{a}  {b}"))
    for text in (body, body.replace("  ", ";"), body.replace("  ", ",")):
        file.write_bytes(mark + text.encode(encoding))
        read = read_ecg(file, Hints(fs=250, unit="mV", columns=(1, 2)))
        np.testing.assert_array_equal(read.signal, SIGNAL)
        halved = replace(read, signal=read.signal / 2)
        (written,) = write_ecg(file, halved, tmp_path / "out", comment="")
        assert written.read_bytes().startswith(mark)
        assert written.read_bytes().count(mark) == 1
        np.testing.assert_allclose(read_ecg(written, read.hints).signal, SIGNAL / 2, atol=1e-5)


def test_unreadable_times_ask_for_the_rate(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f"{stamp};{0.1 * (n % 7)}" for n, stamp in enumerate(["01.01.2024 00:00:00,000"] * 400)]
    path.write_text("\n".join(["time;II (mV)", *rows]))
    with pytest.raises(HintNeededError, match=r"cannot be read \('01.01.2024") as error:
        read_ecg(path)
    assert error.value.options == ("--fs",)
    assert read_ecg(path, Hints(fs=250)).fs == 250


@pytest.mark.parametrize(
    "steps",
    [
        np.where(np.arange(5000) % 2, 1 - 1e-5, 1 + 1e-5),
        np.where(np.arange(5000) < 2500, 1 - 1e-5, 1 + 1e-5),
        1 + 2e-5 * np.sin(np.arange(5000) / 700),
        1 + 4e-5 * np.linspace(-1, 1, 5000),
    ],
    ids=["jitter", "two rates", "a wave", "a slope"],
)
@pytest.mark.parametrize("digits", [6, 9, 15])
def test_a_clock_that_drifts_by_parts_in_a_million(
    tmp_path: Path, steps: np.ndarray, digits: int
) -> None:
    times = np.cumsum(steps / 250)
    lead = ecg(20, 250)
    lines = [f"{t:.{digits}f},{a:.3f}" for t, a in zip(times, lead, strict=True)]
    read = read_ecg(table(tmp_path / "a.csv", "time (s),ECG (mV)\n", lines))
    assert read.fs == pytest.approx(250, rel=5e-5)
    del lines[4000]
    with pytest.raises(RecordError, match="Sample 4001"):
        read_ecg(table(tmp_path / "b.csv", "time (s),ECG (mV)\n", lines))
