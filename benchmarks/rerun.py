"""Duration of a fully cached run of the pipeline, and overhead of the orchestration.

The cached run is the command in a new process: it imports libraries, starts Prefect, hashes every
file in the store, finds every task cached, and checks that the training is logged in MLflow. Its
total is measured; a further, slightly slower run measures its parts.
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
    """Return the rows of the cached run, with and without a server, and of the orchestration."""
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
        python(*command, environment=served)  # registers the flows in the server's database
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
    """Return settings and description: all of mitdb if available, with a short training."""
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
    """Return number and size of the hashed files; a file with several names is counted once."""
    units = [read_stored(path.parent) for path in store.glob("*/*/manifest.json")]
    stats = [unit.file(name).stat() for unit in units for name in unit.files]
    unique = {(s.st_dev, s.st_ino): s.st_size for s in stats}
    return f"{len(stats)} files, {sum(unique.values()) / 1e6:,.0f} MB"


def _row(measured: str, times: list[float], cpu: float, parts: dict[str, float]) -> Row:
    reached = statistics.median(times) < GOAL_S
    split = ", ".join(f"{name} {taken:.1f} s" for name, taken in parts.items())
    ours = f"{spans(times)}, {cpu:.1f} s of CPU time"
    goal = f"under {GOAL_S:g} s"
    return Row("rerun", measured, ours, f"parts: {split}", "", goal, yes_or_no(reached))


def _parts(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    """Return the durations of the parts of a further cached run, s."""
    arguments = ["-m", "benchmarks._parts", f"{time.time()!r}", *command[2:]]
    start = time.perf_counter()
    printed = python(*arguments, environment=environment).printed
    parts: dict[str, float] = json.loads(printed.splitlines()[-1])
    parts["exit of the process"] = time.perf_counter() - start - sum(parts.values())
    return parts


@contextlib.contextmanager
def _prefect_server(home: Path) -> Iterator[str]:
    """Run a separate Prefect server on a free port, and yield the address of its API."""
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
    """Compare `prepare` as a flow with a plain loop over the same steps, both four at a time."""
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
        f"first prepare, {what} (total of the first run: {first:.0f} s)",
        f"flow {spans(flow)}",
        f"plain loop over the steps {spans(plain)}",
        f"{share:.0%} orchestration",
    )
