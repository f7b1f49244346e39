"""What all benchmarks share: repetitions in turn, and rows of a table."""

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
        benchmark: Which benchmark.
        measured: What was measured.
        ours: This project's figures.
        against: What they are compared with.
        ratio: The ratio of the medians, "" where there is none.
        goal: What the ratio or figure is to reach, "" for none.
        reached: "yes", "no", or "" where there is no goal.
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
    """Return what each side measures, over repetitions A B A B, so that all meet the same load."""
    found: list[list[Figure]] = [[] for _ in sides]
    for _ in range(repeats):
        for side, figures in zip(sides, found, strict=True):
            figures.append(side())
    return found


def seconds(work: Callable[[], object]) -> float:
    """Return how long a call takes, s."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def rates(amount: float, times: Sequence[float], unit: str) -> str:
    """Return the median rate and the best one."""
    median, best = amount / statistics.median(times), amount / min(times)
    return f"{median:,.0f} {unit} (best {best:,.0f})"


def spans(times: Sequence[float]) -> str:
    """Return the median time and the shortest one."""
    return f"{statistics.median(times):.2f} s (least {min(times):.2f})"


def compared(
    benchmark: str,
    measured: str,
    amount: float,
    unit: str,
    ours: Sequence[float],
    other: Sequence[float],
    goal: float,
) -> Row:
    """Return the row of two sides that did the same amount of work in the given times."""
    ratio = statistics.median(other) / statistics.median(ours)
    best = min(other) / min(ours)
    return Row(
        benchmark,
        measured,
        rates(amount, ours, unit),
        rates(amount, other, unit),
        f"{ratio:.2f} (of the best {best:.2f})",
        f"at least {goal:g}",
        yes_or_no(ratio >= goal),
    )


def yes_or_no(reached: bool) -> str:
    """Return whether a goal was reached, as the table has it."""
    return "yes" if reached else "**no**"


def as_markdown(rows: Iterable[Row]) -> str:
    """Return the table in Markdown."""
    names = [field.name for field in fields(Row)]
    lines = [names, ["---"] * len(names)]
    lines += [[getattr(row, name) for name in names] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


class Ran(NamedTuple):
    """A process that ended well: how long it took, s, its processor time, s, what it printed."""

    seconds: float
    cpu: float
    printed: str


def python(*arguments: str, environment: Mapping[str, str] | None = None) -> Ran:
    """Run this Python in a process of its own, from the project's folder.

    Args:
        *arguments: Its arguments.
        environment: Variables on top of this process's.

    Raises:
        RuntimeError: It failed; the message holds the end of what it said.
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
        said = (done.stdout + done.stderr)[-3000:]
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}:\n{said}")
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Ran(took, cpu, done.stdout)
