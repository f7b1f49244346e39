"""Scaling of `prepare` with the number of records: linear time, constant memory.

Every measurement is a separate process. Prefect is started by an empty flow before the measurement
(with --quick, the same steps run in a plain loop). The time includes the noise recordings, which
are prepared once per dataset, so that it has a constant part. To test linearity, the time per
additional record from x4 to x16 is compared with that from x1 to x4.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import time
from pathlib import Path

from benchmarks._measure import Row, in_turn, python, seconds, yes_or_no
from benchmarks._plain import preparing
from benchmarks._records import write_noise, write_simulated
from ecgmodel.settings.config import Settings
from ecgmodel.support.machine import peak_mb

FACTORS = (1, 4, 16)
TOLERANCE = 0.10
# Each four records have the same splits, so that the amount of work per record is the same.
SPLITS = ("train", "train", "validation", "test")


def run(quick: bool, scratch: Path) -> list[Row]:
    """Return the rows for time and for memory."""
    minutes, repeats, factors = (1.5, 1, FACTORS[:2]) if quick else (10.0, 3, FACTORS)
    how = "plain" if quick else "flow"
    noise = write_noise(scratch / "noise", 8.0)[0].parent
    numbers = itertools.count()
    folders = {f: _records(scratch / f"records x{f}", f, minutes) for f in factors}
    peaks: dict[int, list[float]] = {f: [] for f in factors}
    cpu: dict[int, list[float]] = {f: [] for f in factors}

    def measure(factor: int) -> float:
        store = scratch / f"store-{next(numbers)}"
        found = _in_process(how, folders[factor], noise, store, scratch / "prefect")
        peaks[factor].append(found["peak_mb"])
        cpu[factor].append(found["cpu"])
        return found["seconds"]

    if not quick:
        measure(factors[0])  # creates Prefect's database, which is not measured
        peaks[factors[0]].clear()
        cpu[factors[0]].clear()
    times = in_turn(repeats, *(lambda f=factor: measure(f) for factor in factors))
    sizes = [len(SPLITS) * factor for factor in factors]
    what = f"prepare ({how}), {' / '.join(map(str, sizes))} records of {minutes:g} min, two leads"
    memory = {f: statistics.median(p) for f, p in peaks.items()}
    return [
        _time_row(f"{what}: time", sizes, times),
        _time_row(f"{what}: CPU time", sizes, list(cpu.values())),
        _memory_row(f"{what}: peak memory", memory),
    ]


def _records(folder: Path, factor: int, minutes: float) -> Path:
    write_simulated(folder, [f"r{n:03}" for n in range(len(SPLITS) * factor)], minutes)
    return folder


def _in_process(how: str, records: Path, noise: Path, store: Path, home: Path) -> dict[str, float]:
    """Prepare a dataset in a new process, and return duration (s) and peak memory (MB)."""
    ran = python(
        *("-m", "benchmarks.scaling", how, str(records), str(noise), str(store)),
        environment={"PREFECT_HOME": str(home)},
    )
    found: dict[str, float] = json.loads(ran.printed.splitlines()[-1])
    return found


def _time_row(what: str, sizes: list[int], times: list[list[float]]) -> Row:
    medians = [statistics.median(t) for t in times]
    steps = [
        (medians[i + 1] - medians[i]) / (sizes[i + 1] - sizes[i]) for i in range(len(sizes) - 1)
    ]
    change = steps[-1] / steps[0]
    return Row(
        "scaling",
        what,
        " / ".join(f"{m:.2f} s" for m in medians),
        "per additional record: " + ", then ".join(f"{s:.3f} s" for s in steps),
        f"{change:.2f}",
        f"linear within {TOLERANCE:.0%}",
        yes_or_no(abs(change - 1) <= TOLERANCE) if len(steps) > 1 else "not measured",
    )


def _memory_row(what: str, peaks: dict[int, float]) -> Row:
    figures = list(peaks.values())
    growth = figures[-1] / figures[0]
    return Row(
        "scaling",
        what,
        " / ".join(f"{p:,.0f} MB" for p in figures),
        "",
        f"{growth:.2f}",
        f"constant within {TOLERANCE:.0%}",
        yes_or_no(growth <= 1 + TOLERANCE),
    )


def _measured(how: str, records: Path, noise: Path, store: Path) -> dict[str, float]:
    """Prepare a dataset in this process."""
    splits: dict[str, list[str]] = {}
    for number, path in enumerate(sorted(records.glob("*.hea"))):
        splits.setdefault(SPLITS[number % len(SPLITS)], []).append(f"own/{path.stem}")
    source = {"kind": "folder", "path": records, "noise_path": noise}
    settings = Settings.model_validate(
        {"store": store, "source": source, "resample": {"length": None}, "split": splits}
    )
    work = preparing(how)
    cpu = time.process_time()
    taken = seconds(lambda: work(settings))
    return {"seconds": taken, "cpu": time.process_time() - cpu, "peak_mb": peak_mb()}


if __name__ == "__main__":
    print(json.dumps(_measured(sys.argv[1], *map(Path, sys.argv[2:5]))))
