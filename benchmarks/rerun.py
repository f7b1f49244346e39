"""The second, fully cached run of the pipeline, and what orchestration adds to the first one.

The cached run is the real command in a fresh process: it imports, starts Prefect, hashes every
file of the store, runs every task to find it cached, and asks MLflow whether the training is
logged. It is measured whole; one more run, which is a little slower for it, notes its parts.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks._measure import Row, in_turn, python, spans, yes_or_no
from benchmarks._records import mirror
from ecgmodel.store import read_stored

GOAL_S = 10.0
START_S = 120.0


def run(quick: bool, scratch: Path) -> list[Row]:
    """Return the rows for the cached run, with and without a server, and for orchestration."""
    settings, what = _settings(quick, scratch)
    pairs = [
        argument for name, value in settings.items() for argument in ("--set", f"{name}={value}")
    ]
    command = ["-m", "ecgmodel.cli.main", "run", *pairs, "--set", f"store={scratch / 'store'}"]
    without = {"PREFECT_HOME": str(scratch / "prefect"), "PREFECT_API_URL": ""}
    first = python(*command, environment=without).seconds
    repeats = 1 if quick else 3
    with _prefect_server(scratch / "server") as url:
        served = {"PREFECT_HOME": str(scratch / "server"), "PREFECT_API_URL": url}
        python(*command, environment=served)  # its database has seen the flows now
        cpu: dict[str, float] = {}

        def again(environment: dict[str, str]) -> float:
            ran = python(*command, environment=environment)
            cpu[environment["PREFECT_API_URL"]] = ran.cpu
            return ran.seconds

        times = in_turn(repeats, lambda: again(served), lambda: again(without))
        parts = [_parts(command, environment) for environment in (served, without)]
    how = ("with a running Prefect server", "without one")
    what = f"{what}, {_size(scratch / 'store')}"
    rows = [
        _row(f"cached run {how[i]}, {what}", times[i], list(cpu.values())[i], parts[i])
        for i in range(len(how))
    ]
    return [*rows, _orchestration(quick, pairs, scratch, what, first)]


def _settings(quick: bool, scratch: Path) -> tuple[dict[str, str], str]:
    """Return what to run on: all of mitdb, where it is there; a short training will do."""
    short = {"training.epochs": "1"}
    folder = mirror()
    if folder and not quick:
        source = {"source.kind": "physionet", "source.base_url": str(folder)}
        count = len((folder / "mitdb" / "1.0.0" / "RECORDS").read_text().split())
        return {**source, "source.clean": "[mitdb]", **short}, f"{count} records of mitdb"
    subjects, minutes = (10, 2) if quick else (22, 30)
    simulated = {
        "source.simulated.subjects": str(subjects),
        "source.simulated.minutes": str(minutes),
    }
    return {**simulated, **short}, f"{subjects} simulated records of {minutes} min"


def _size(store: Path) -> str:
    """Return how much is hashed; a file with several names counts once."""
    units = [read_stored(path.parent) for path in store.glob("*/*/manifest.json")]
    stats = [unit.file(name).stat() for unit in units for name in unit.files]
    unique = {(s.st_dev, s.st_ino): s.st_size for s in stats}
    return f"{len(stats)} files, {sum(unique.values()) / 1e6:,.0f} MB"


def _row(measured: str, times: list[float], cpu: float, parts: dict[str, float]) -> Row:
    reached = statistics.median(times) < GOAL_S
    split = ", ".join(f"{name} {taken:.1f} s" for name, taken in parts.items())
    ours = f"{spans(times)}, {cpu:.1f} s of processor time"
    goal = f"under {GOAL_S:g} s"
    return Row("rerun", measured, ours, f"of it: {split}", "", goal, yes_or_no(reached))


def _parts(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    """Return the seconds of the parts of one more cached run."""
    arguments = ["-m", "benchmarks._parts", f"{time.time()!r}", *command[2:]]
    start = time.perf_counter()
    said = python(*arguments, environment=environment).printed
    parts: dict[str, float] = json.loads(said.splitlines()[-1])
    parts["the process's end"] = time.perf_counter() - start - sum(parts.values())
    return parts


@contextlib.contextmanager
def _prefect_server(home: Path) -> Iterator[str]:
    """Run a Prefect server of our own on a free port, and yield the address of its API."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    home.mkdir(parents=True)
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--port", str(port), "--no-ui"],
            env={**os.environ, "PREFECT_HOME": str(home)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for(f"{url}/health", server, home / "server.log")
            yield url
        finally:
            server.terminate()
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.2)
    raise RuntimeError(f"The Prefect server did not start:\n{log.read_text()[-3000:]}")


def _orchestration(quick: bool, pairs: list[str], scratch: Path, what: str, first: float) -> Row:
    """Compare `prepare` as a flow with the same steps in a plain loop, four at once in both."""
    numbers = itertools.count()
    home = {"PREFECT_HOME": str(scratch / "prefect"), "PREFECT_API_URL": ""}

    def measure(how: str) -> float:
        store = scratch / f"again-{next(numbers)}"
        arguments = ["-m", "benchmarks._plain", how, f"store={store}", *pairs[1::2]]
        return float(python(*arguments, environment=home).printed.splitlines()[-1])

    repeats = 1 if quick else 2
    flow, plain = in_turn(repeats, lambda: measure("flow"), lambda: measure("plain"))
    share = 1 - statistics.median(plain) / statistics.median(flow)
    return Row(
        "rerun",
        f"first prepare, {what} (the whole first run took {first:.0f} s)",
        f"flow {spans(flow)}",
        f"plain loop over the steps {spans(plain)}",
        f"{share:.0%} is orchestration",
    )
