"""What a command says whose temporary Prefect server cannot start: whose fault, and where."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def prepare(folder: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Run `ecg-denoise prepare` with a Prefect home, and no server of anybody else's."""
    inherited = {n: v for n, v in os.environ.items() if not n.startswith("PREFECT")}
    return subprocess.run(
        [sys.executable, "-m", "ecgmodel.cli.main", "prepare", "--set", f"store={folder / 's'}"],
        env={**inherited, "PREFECT_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = prepare(tmp_path, tmp_path / "file" / "home")
    assert done.returncode == 1
    assert f"The folder {tmp_path / 'file' / 'home'} of Prefect's database cannot" in done.stderr
    assert "Set PREFECT_HOME" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_that_ends_while_it_starts_says_why_at_once(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "home"
    home.mkdir(parents=True)
    (home / "prefect.db").write_bytes(b"This is no database. " * 100)
    done = prepare(tmp_path, home)
    assert done.returncode == 1
    said = done.stderr.strip().splitlines()
    assert "ended while it started (" in said[-1]
    assert "file is not a database" in said[-1]
    assert str(home) in said[-1]
    assert "Traceback" not in done.stderr
