"""The command as a whole: its version, and what it says where an extra is not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(*arguments: str, without: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, with a library that cannot be imported."""
    code = (
        f"import sys; sys.modules[{without!r}] = None; sys.argv = ['ecg-denoise', *{arguments!r}]\n"
        "from ecgmodel.cli.main import main; main()"
    )
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("library", "extra", "arguments"),
    [
        ("prefect", "pipeline", ("run",)),
        ("uvicorn", "web", ("web", "--port", "0")),
        ("pyarrow", "parquet", ("check", ".")),
    ],
)
def test_a_missing_extra_is_named(library: str, extra: str, arguments: tuple[str, ...]) -> None:
    done = run(*arguments, without=library)
    assert done.returncode == 1
    assert f"{library} is not installed. It is part of the extra [{extra}]" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_tells_its_version() -> None:
    assert run("--version").stdout.startswith("ecg-denoise, version ")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("OSError(28, 'No space left on device', '/x/y')", "The disk is full: "),
        ("RuntimeError('(sqlite3.OperationalError) database or disk is full')", "The disk is full"),
        ("PermissionError(13, 'Permission denied', '/x/y')", "Permission denied: '/x/y'"),
        ("ZeroDivisionError('by zero\\nand more')", "Unexpected ZeroDivisionError: by zero. This"),
    ],
)
def test_no_failure_prints_a_traceback(code: str, said: str, tmp_path: Path) -> None:
    command = (
        "from ecgmodel.cli import main\n"
        "@main.cli.command()\n"
        f"def fail():\n    raise {code}\n"
        "import sys; sys.argv = ['ecg-denoise', 'fail']; main.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", command],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("Error: ")
    assert said in line
    details = list(tmp_path.glob("ecg-denoise-*.txt"))
    assert bool(details) == ("Unexpected" in line)
    for file in details:
        assert str(file) in line
        assert "Traceback" in file.read_text()
