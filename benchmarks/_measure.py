"""Shared parts of the benchmarks: alternating repetitions, and rows of the table."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple, TypeVar

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        benchmark: Name of the benchmark.
        measured: The measured quantity.
        ours: Result of this project.
        against: Result of the reference.
        ratio: Ratio of the medians, "" if there is none.
        goal: Goal for the ratio or the result, "" for none.
        reached: "yes", "no", or "" without a goal.
    """

    benchmark: str
    measured: str
    ours: str
    against: str = ""
    ratio: str = ""
    goal: str = ""
    reached: str = ""


Figure = TypeVar("Figure")


def in_turn(repeats: int, *sides: Callable[[], Figure]) -> list[list[Figure]]:
    """Return the results of each side over alternating repetitions (A B A B), at similar load."""
    found: list[list[Figure]] = [[] for _ in sides]
    for _ in range(repeats):
        for side, figures in zip(sides, found, strict=True):
            figures.append(side())
    return found


def seconds(work: Callable[[], object]) -> float:
    """Return the duration of a call, s."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def rates(amount: float, times: Sequence[float], unit: str) -> str:
    """Return the median rate and the best one."""
    median, best = amount / statistics.median(times), amount / min(times)
    return f"{median:,.0f} {unit} (best {best:,.0f})"


def spans(times: Sequence[float]) -> str:
    """Return the median time and the shortest one."""
    return f"{statistics.median(times):.2f} s (best {min(times):.2f})"


def compared(
    benchmark: str,
    measured: str,
    amount: float,
    unit: str,
    ours: Sequence[float],
    other: Sequence[float],
    goal: float,
) -> Row:
    """Return the row of two sides with the same amount of work and the given times."""
    ratio = statistics.median(other) / statistics.median(ours)
    best = min(other) / min(ours)
    return Row(
        benchmark,
        measured,
        rates(amount, ours, unit),
        rates(amount, other, unit),
        f"{ratio:.2f} (best runs {best:.2f})",
        f"at least {goal:g}",
        yes_or_no(ratio >= goal),
    )


def yes_or_no(reached: bool) -> str:
    """Return whether a goal was reached, as text for the table."""
    return "yes" if reached else "**no**"


def as_markdown(rows: Iterable[Row]) -> str:
    """Return the table in Markdown."""
    names = [field.name for field in fields(Row)]
    lines = [names, ["---"] * len(names)]
    lines += [[getattr(row, name) for name in names] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


class Ran(NamedTuple):
    """A completed process: duration (s), CPU time (s) and output."""

    seconds: float
    cpu: float
    printed: str


def python(*arguments: str, environment: Mapping[str, str] | None = None) -> Ran:
    """Run this Python in a separate process, in the folder of the project.

    Args:
        *arguments: Its arguments.
        environment: Additional environment variables.

    Raises:
        RuntimeError: The process failed; the message contains the end of its output.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
    )
    took = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        output = (done.stdout + done.stderr)[-3000:]
        raise RuntimeError(
            f"{' '.join(arguments)} failed with exit code {done.returncode}:\n{output}"
        )
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Ran(took, cpu, done.stdout)
