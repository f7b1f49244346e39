"""The command as a person types it: what it writes, says, asks, and how it ends."""

from __future__ import annotations

import io
import os
import pty
import re
import signal
import subprocess
import sys
import time
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
import wfdb

from ecgmodel.cli.main import main
from ecgmodel.denoise.denoiser import Denoiser
from ecgmodel.files import read_ecg
from tests.wfdb_files import ecg, write_record

HEAVY = """
import sys
from ecgmodel.cli.main import cli

cli.main({0!r}, standalone_mode=False)
heavy = ("tensorflow", "keras", "prefect", "mlflow", "matplotlib")
print([name for name in heavy if name in sys.modules])
"""


def denoise(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the whole command in this process, which spares seconds of imports each time."""
    command = ["ecg-denoise", "denoise", *map(str, arguments)]
    said, complained = io.StringIO(), io.StringIO()
    terminated = signal.getsignal(signal.SIGTERM)
    with (
        patch.object(sys, "argv", command),
        patch.object(sys, "stdin", io.StringIO()),
        chdir(folder),
        redirect_stdout(said),
        redirect_stderr(complained),
    ):
        try:
            main()
            code = 0
        except SystemExit as error:
            code = int(error.code or 0)
        finally:
            signal.signal(signal.SIGTERM, terminated)
    return subprocess.CompletedProcess(command, code, said.getvalue(), complained.getvalue())


def test_a_record_comes_back_as_the_library_cleans_it(tmp_path: Path) -> None:
    signal = np.stack([ecg(30, 250), ecg(30, 250, seed=1)], axis=1)
    signal[1000:1200, 1] = np.nan
    write_record(tmp_path / "in", "p1", signal, 250, ("II", "V5"))
    wfdb.wrann("p1", "atr", np.arange(100, 900, 100), ["N"] * 8, write_dir=str(tmp_path / "in"))
    extras = ("--plot", "--pdf", "--at", "0:10", "--quality")
    done = denoise("in/p1.dat", "--out", "out", *extras, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "p1  0:00:30, 2 leads, 250 Hz; quality" in done.stdout
    names = {f.name for f in (tmp_path / "out").iterdir()}
    assert names == {"p1.hea", "p1.dat", "p1.atr", "p1.png", "p1.pdf", "p1.quality.csv"}
    given = read_ecg(tmp_path / "in" / "p1")
    expected = Denoiser.load().clean(given.signal, 250, adc_ranges=given.adc_ranges)
    found = read_ecg(tmp_path / "out" / "p1").signal
    assert np.array_equal(np.isnan(found), np.isnan(given.signal))
    assert np.nanmax(np.abs(found - expected.signal)) <= 0.0006
    table = pd.read_csv(tmp_path / "out" / "p1.quality.csv", keep_default_na=False)
    assert list(table["lead"]) == ["II"] * 3 + ["V5"] * 3
    assert list(table["stop_s"]) == [10.0, 20.0, 30.0] * 2
    for written, window in zip(table.to_dict("records"), expected.windows, strict=True):
        assert written["reason"] == window.reason
        assert float(written["quality_in"]) == window.quality_in
    # Once more gives the same files.
    before = (tmp_path / "out" / "p1.dat").read_bytes()
    assert denoise("in/p1", "--out", "out", folder=tmp_path).returncode == 0
    assert (tmp_path / "out" / "p1.dat").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--pdf", "--at", "1:75"), "expected s, min:s or h:min:s. Received: 1:75."),
        (("--at", "3"), "--at is the start of --plot or --pdf"),
        (("--plot", "--at", "0:30"), "a is 0:00:05 long. Give an --at before its end"),
    ],
)
def test_a_moment_that_is_none_is_told(tmp_path: Path, options: tuple[str, ...], says: str) -> None:
    write_record(tmp_path / "in", "a", ecg(5, 360), 360)
    done = denoise("in/a.hea", "--out", "out", *options, folder=tmp_path)
    assert done.returncode in (1, 2)
    assert says in " ".join((done.stdout + done.stderr).split())
    assert not list(tmp_path.glob("out/*"))


def test_recordings_that_differ_by_format_alone_have_each_their_own_table(tmp_path: Path) -> None:
    write_record(tmp_path / "in", "a", ecg(10, 360), 360)
    np.savez(tmp_path / "in" / "a.npz", ecg=ecg(20, 360), fs=360, unit="mV")
    np.savetxt(tmp_path / "in" / "a.csv", ecg(30, 360), header="II (mV)", comments="")
    done = denoise("in", "--out", "out", "--fs", 360, "--quality", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for name, windows in (("a", 1), ("a.npz", 2), ("a.csv", 3)):
        assert f"out/{name}.quality.csv" in done.stdout
        assert len(pd.read_csv(tmp_path / "out" / f"{name}.quality.csv")) == windows
    again = denoise("out", "--out", "twice", "--fs", 360, folder=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "Cleaned 3 of 3 recordings" in again.stdout  # the tables are none


def test_a_folder_that_cannot_be_written_to_is_told_before_the_work(tmp_path: Path) -> None:
    write_record(tmp_path / "in", "a", ecg(5, 360), 360)
    (tmp_path / "out").write_text("a file")
    done = denoise("in", "--out", "out", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip().startswith("Error: Cannot write to out: File exists.")
    assert "not cleaned" not in done.stdout


def test_a_rate_that_overrules_a_table_is_told(tmp_path: Path) -> None:
    times = np.arange(3600) / 360
    pd.DataFrame({"time (s)": times, "II (mV)": ecg(10, 360)}).to_csv(
        tmp_path / "a.csv", index=False
    )
    np.savez(tmp_path / "b.npz", ecg=ecg(10, 360), fs=360, unit="mV")
    pd.DataFrame({"time (s)": times, "II (mV)": ecg(10, 360)}).to_parquet(tmp_path / "c.parquet")
    for name in ("a.csv", "b.npz", "c.parquet"):
        done = denoise(name, "--out", "out", "--fs", 250, folder=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "rate 250 Hz as given, the file states 360 Hz" in done.stdout
        same = denoise(name, "--out", "out", "--fs", 360, folder=tmp_path)
        assert "as given" not in same.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_leaves_nothing_half_written(tmp_path: Path, number: signal.Signals) -> None:
    for name in range(40):
        write_record(tmp_path / "in", f"r{name:02}", ecg(60, 360), 360)
    out = tmp_path / "out"
    # A shell that starts it in the background would have it ignore Ctrl-C.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "from ecgmodel.cli.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "denoise", "in", "--out", "out", "--format", "csv"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        end = time.monotonic() + 120
        while not list(out.glob("r0[2-9].csv")):
            assert time.monotonic() < end
            time.sleep(0.01)
        process.send_signal(number)
        said = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert process.returncode == 130, said
    written = list(out.iterdir())
    told = re.search(r"Stopped: (\d+) of 40 recordings were cleaned\.", said)
    assert told, said
    assert len(written) - int(told[1]) in (0, 1)  # the last may be in its place and not counted yet
    assert {path.suffix for path in written} == {".csv"}
    for path in written:
        assert len(pd.read_csv(path)) == 60 * 360


def test_bad_recordings_stop_no_others_and_show_in_the_status(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_record(tmp_path / "in" / "ward", name, ecg(20, 360), 360)
    (tmp_path / "in" / "ward" / "b.dat").write_bytes(b"short")
    (tmp_path / "in" / "ward" / "C.HEA").write_text("C 1 360 7200\n")
    done = denoise("in", "--out", "out", folder=tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "ward/b  not cleaned: " in done.stdout
    assert "ward/C.HEA  not cleaned: " in done.stdout
    assert "Cleaned 1 of 3 recordings into out." in done.stdout
    assert {f.name for f in (tmp_path / "out" / "ward").iterdir()} == {"a.hea", "a.dat"}
    assert denoise("in/ward/b", "--out", "none", folder=tmp_path).returncode == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("nowhere.csv",), 1, "no recording at nowhere.csv"),
        (("in", "--format", "docx"), 2, "csv"),
        (("in", "--fs", "-3"), 1, "sampling rate"),
        (("in", "--unit", "parsec"), 1, "unit of mV"),
        (("in", "--model", "nobody"), 1, "no network 'nobody'"),
        (("in", "--set", "mix.seed=2"), 2, "--flow"),
        (("in", "--flow", "--report"), 2, "--flow writes recordings only"),
        ((), 2, "RECORDINGS"),
    ],
)
def test_what_cannot_work_is_said_at_once(
    arguments: tuple[str, ...], status: int, text: str, tmp_path: Path
) -> None:
    write_record(tmp_path / "in", "a", ecg(5, 360), 360)
    done = denoise(*arguments, "--out", "out", folder=tmp_path)
    assert done.returncode == status, done.stdout + done.stderr
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_what_a_file_does_not_say_is_an_error_without_a_person(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ecg(20, 250))
    done = denoise("a.npy", "--out", "out", folder=tmp_path)
    assert done.returncode == 1
    assert "--fs" in done.stdout
    done = denoise(
        "*.npy", "--out", "out", "--fs", 250, "--unit", "mV", "--format", "wfdb", folder=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert wfdb.rdheader(str(tmp_path / "out" / "a")).fs == 250


def answered(
    *arguments: object, folder: Path, answers: tuple[str, ...]
) -> subprocess.CompletedProcess[str]:
    """Run the command at a terminal, and type answers."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "ecgmodel.cli.main", "denoise", *map(str, arguments)]
    with subprocess.Popen(
        command,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        for answer in answers:
            os.write(ours, f"{answer}\n".encode())
            time.sleep(0.2)
        text, _ = process.communicate(timeout=120)
    return subprocess.CompletedProcess(command, process.returncode, text)


def test_a_person_is_asked_and_asked_again(tmp_path: Path) -> None:
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", np.round(1000 * ecg(20, 250)))
    done = answered(
        "a.npy", "b.npy", "--out", "out", folder=tmp_path, answers=("fast", "250", "uV")
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("Sampling rate, Hz") == 2
    assert done.stdout.count("Unit (mV, uV or V)") == 1
    assert {f.name for f in (tmp_path / "out").iterdir()} == {"a.npy", "b.npy"}


def test_an_answer_goes_not_before_what_the_next_file_says(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.round(1000 * ecg(20, 250)))
    np.savez(tmp_path / "b.npz", ecg=ecg(20, 500), fs=500, unit="mV")
    np.save(tmp_path / "c.npy", np.round(1000 * ecg(20, 250)))
    done = answered(
        "a.npy", "b.npz", "c.npy", "--out", "out", folder=tmp_path, answers=("250", "uV")
    )
    assert done.returncode == 0, done.stdout
    for name, fs in (("a.npy", 250), ("b.npz", 500), ("c.npy", 250)):
        assert f"{name}  0:00:20, 1 lead, {fs} Hz" in done.stdout
    assert "as given" not in done.stdout


def test_it_ends_quietly_where_nobody_reads_any_more(tmp_path: Path) -> None:
    write_record(tmp_path / "in", "p1", ecg(10, 250), 250)
    theirs, ours = os.pipe()
    os.close(theirs)
    command = [sys.executable, "-m", "ecgmodel.cli.main", "denoise", "in", "--out", "out"]
    done = subprocess.run(
        command,
        stdout=ours,
        stderr=subprocess.PIPE,
        text=True,
        timeout=300,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    os.close(ours)
    assert done.returncode == 141, done.stderr
    assert "Traceback" not in done.stderr
    assert "Broken pipe" not in done.stderr


def test_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    write_record(tmp_path / "in", "p1", ecg(20, 250), 250)
    arguments = ["denoise", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--quality"]
    done = subprocess.run(
        [sys.executable, "-c", HEAVY.format(arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stdout


def test_names_of_another_encoding_survive_and_no_error_stops_the_batch(tmp_path: Path) -> None:
    rows = "\n".join(f"{i / 250:.3f};{v:.3f};{v / 2:.3f}" for i, v in enumerate(ecg(12, 250)))
    head = "Zeit (s);EKG Größe (mV);EKG Rücken (mV)\n"
    (tmp_path / "a.csv").write_bytes(f"{head}{rows}\n".encode("cp1252"))
    write_record(tmp_path, "b", ecg(12, 250), 250)
    options = ("--out", "out", "--quality", "--plot", "--report")
    done = denoise("a.csv", "b.hea", *options, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    table = (tmp_path / "out/a.csv.quality.csv").read_text("utf-8")
    assert "EKG Größe,0.000" in table
    assert "EKG Rücken,0.000" in table
    assert (tmp_path / "out/a.csv").read_bytes().startswith(head.encode("cp1252"))


@pytest.mark.parametrize(
    "error", [ValueError("surrogates not allowed"), RecursionError(), MemoryError()]
)
def test_any_error_of_a_file_is_a_line_and_the_others_are_cleaned(
    tmp_path: Path, error: Exception
) -> None:
    for name in "abc":
        write_record(tmp_path, name, ecg(12, 250), 250)
    whole = Denoiser.clean_into

    def fails_once(self: Denoiser, *given: object, **more: object) -> object:
        Denoiser.clean_into = whole
        raise error

    with patch.object(Denoiser, "clean_into", fails_once):
        done = denoise("a.hea", "b.hea", "c.hea", "--out", "out", folder=tmp_path)
    assert done.returncode == 3
    assert sorted(file.name for file in (tmp_path / "out").glob("*.hea")) == ["b.hea", "c.hea"]
    (line,) = [line for line in done.stdout.splitlines() if "not cleaned" in line]
    assert line.startswith("a  not cleaned: ")
    assert "Cleaned 2 of 3" in done.stdout
