"""Runs benchmarks in temporary folders and prints a table of the results."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks._measure import Row, as_markdown
from ecgmodel.support.telemetry import switch_off as switch_off_telemetry

NAMES = ("mixing", "feeding", "inference", "using", "rerun", "scaling")
# The environment of the command `ecg-denoise`: quiet logs.
ENVIRONMENT = {
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    """Run the named benchmarks, print the table, and return its rows."""
    chosen = _parser().parse_args(arguments)
    switch_off_telemetry()
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    rows: list[Row] = []
    for name in chosen.names or NAMES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix=f"ecg-{name}-", dir=chosen.scratch) as scratch:
            rows += importlib.import_module(f"benchmarks.{name}").run(chosen.quick, Path(scratch))
    text = f"{_heading(chosen.quick)}\n\n{as_markdown(rows)}\n"
    print(text)
    if chosen.out:
        chosen.out.write_text(text)
    return rows


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", type=_known, help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="tiny data, to test the benchmarks")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="also write the table here")
    parser.add_argument("--scratch", type=Path, help="parent folder of temporary folders")
    return parser


def _known(name: str) -> str:
    if name not in NAMES:
        raise argparse.ArgumentTypeError(f"unknown benchmark {name!r}; choose from {NAMES}")
    return name


def _heading(quick: bool) -> str:
    """Return machine, load and method of the measurements."""
    load = f", load {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    how = "Tiny data (--quick): the results are not meaningful." if quick else ""
    where = f"{platform.system()}, Python {platform.python_version()}, {os.cpu_count()} processors"
    medians = "Medians of alternating repetitions, with the best in brackets."
    return " ".join(filter(None, [f"{where}{load}.", medians, how]))


if __name__ == "__main__":
    main()
