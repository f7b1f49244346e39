"""The command as a whole: its version, and what it says where an extra is not installed."""

from __future__ import annotations

import subprocess
import sys

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
