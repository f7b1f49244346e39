"""An archive ends with a summary of all its recordings, and goes on where it was stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from ecgmodel.cli.archive import JOURNAL
from ecgmodel.cli.denoise import denoise
from tests.wfdb_files import ecg, write_record

FS = 250


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A folder with a noisy, a clean and a half-flat recording, and a damaged one."""
    folder = tmp_path / "in"
    rng = np.random.default_rng(0)
    lead = ecg(30, FS, seed=1)
    at = np.arange(len(lead)) / FS
    flat = np.where(at < 10, 0.0, lead)
    hum = 0.1 * np.sin(2 * np.pi * 50 * at)
    wander = 0.5 * np.sin(2 * np.pi * 0.2 * at)
    made = {"clean": lead, "noisy": lead + hum + wander, "ward/flat": flat}
    for name, samples in made.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        noise = np.where(samples == 0, 0, rng.normal(0, 0.002, len(lead)))
        write_record(place.parent, place.name, (samples + noise)[:, None], FS, ("II",))
    (folder / "ward" / "broken.edf").write_bytes(b"0       " + bytes(300))
    return folder


def run(archive: Path, out: Path, *more: str) -> Result:
    """Clean an archive with a summary."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return CliRunner().invoke(denoise, [str(archive), "--out", str(out), "--summary", *more])
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def test_one_page_and_one_table_over_all_recordings_worst_first(
    archive: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = run(archive, out)
    assert done.exit_code == 3
    assert "left]" in done.output
    table = pd.read_parquet(out / "summary.parquet").set_index("recording")
    assert list(table.index)[:2] == ["ward/broken.edf", "ward/flat"]
    assert table["state"].tolist() == ["not cleaned", "cleaned", "cleaned", "cleaned"]
    assert "damaged" in table["reason"]["ward/broken.edf"]
    noisy = table.loc["noisy"]
    assert noisy["hum_mv"] == pytest.approx(0.1 / 2**0.5, rel=0.1)
    assert noisy["wander_mv"] == pytest.approx(0.5 / 2**0.5, rel=0.1)
    assert noisy["quality_before"] < 0.5 < noisy["quality_after"]
    assert table["unreliable"]["ward/flat"] == pytest.approx(1 / 3, abs=0.01)
    assert "lead off" in table["reasons"]["ward/flat"]
    page = (out / "summary.html").read_text()
    for name in ("noisy", "ward/flat"):
        assert (out / table["report"][name]).is_file()
        assert f'<a href="{table["report"][name]}">' in page
    assert "http" not in page


def test_what_was_cleaned_is_not_cleaned_again(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(archive, out, "--no-report")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.dat")}
    assert len(before) == 3
    (archive / "ward" / "broken.edf").unlink()
    again = run(archive, out, "--no-report")
    assert again.exit_code == 0
    assert "3 of 3 recordings are cleaned already" in again.output
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.dat")} == before
    (out / "noisy.dat").unlink()  # deleted output
    os.utime(archive / "clean.dat")  # a changed input
    assert "1 of 3 recordings are cleaned already" in run(archive, out, "--no-report").output
    assert "already" not in run(archive, out, "--no-report", "--untrusted", "pass").output
    assert len(pd.read_parquet(out / "summary.parquet")) == 3


def test_a_killed_call_is_continued(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "ecgmodel.cli.main", "denoise", str(archive), "--summary"]
    with subprocess.Popen([*command, "--out", str(out)], stdout=subprocess.DEVNULL) as process:
        journal = out / JOURNAL
        while not (journal.is_file() and b"}\n" in journal.read_bytes()) and not process.poll():
            time.sleep(0.01)
        process.kill()
    with (out / JOURNAL).open("ab") as file:
        file.write(b'{"row": {"recording": "cut')  # as a kill may leave it
    first = json.loads((out / JOURNAL).read_bytes().split(b"\n")[1])["row"]
    stamp = (out / first["file"]).stat().st_mtime_ns
    assert run(archive, out).exit_code == 3
    assert (out / first["file"]).stat().st_mtime_ns == stamp
    table = pd.read_parquet(out / "summary.parquet").set_index("recording")
    assert (table["state"] == "cleaned").sum() == 3
    assert table["quality_after"][first["recording"]] == first["quality_after"]
    assert list(out.rglob("*.half")) == []
    assert "3 of 4 recordings are cleaned already" in run(archive, out).output
