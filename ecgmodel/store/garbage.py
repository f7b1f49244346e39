"""Garbage collection: finds units that no kept dataset, model or run depends on."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ecgmodel.store import HALF, PARTIAL, Store, Stored, last_change
from ecgmodel.store.inputs import age, closure, names_of, units_of
from ecgmodel.store.leases import exclusive

# Stages whose units are derived from others, and are kept as long as those are.
DERIVED = ("evaluate", "report", "verdict", "export", "denoise", "describe")
DAY_S = 86_400.0


@dataclass(frozen=True)
class Leftover:
    """A folder or file that is no longer needed.

    Attributes:
        path: The folder or file.
        size: Bytes freed by deleting it; files with a hard link elsewhere free none.
        reason: Why it is not needed.
    """

    path: Path
    size: int
    reason: str


def find_leftovers(
    store: Store, trainings: Iterable[str], datasets: int = 1, days: float = 7.0
) -> list[Leftover]:
    """Return the folders and files that no kept dataset, model or run needs.

    Kept are the given trainings, the newest datasets of each name, the newest report of each
    benchmark, all inputs of these, and results derived from kept units only. Unfinished work is
    kept until it is `days` old.

    Args:
        store: The store.
        trainings: Keys, or their first digits, of the trainings that a run or a model version
            refers to.
        datasets: Number of newest datasets of each name to keep.
        days: Age up to which unfinished work may be continued.
    """
    units = list(units_of(store))
    roots = _newest(units, "dataset", datasets) + _newest(units, "benchmark", 1)
    named = tuple(key[:16] for key in trainings if key)
    roots += [u for u in units if u.path.parent.name == "train" and u.key.startswith(named or "-")]
    kept = _with_derived(closure(roots, units), units)
    unneeded = [u for u in units if u.path not in kept]
    found = [Leftover(u.path, 0, "no kept dataset, model or run needs it") for u in unneeded]
    found += _unfinished(store, days)
    return _sized(sorted(found, key=lambda leftover: leftover.path))


def remove(store: Store, find: Callable[[], list[Leftover]]) -> list[Leftover]:
    """Delete leftovers, and return them.

    Args:
        store: The store.
        find: Finds them, once no other process can use the store: what was unneeded before may be
            in use by then.

    Raises:
        StoreInUseError: Another process uses the store; nothing was deleted.
    """
    with exclusive(store.root):
        leftovers = find()
        for leftover in leftovers:
            _delete(leftover.path)
    return leftovers


def _delete(path: Path) -> None:
    if path.is_file():
        path.unlink()
        return
    doomed = path.with_name(path.name + ".damaged")
    shutil.rmtree(doomed, ignore_errors=True)
    if path != doomed:
        with suppress(FileNotFoundError):
            path.rename(doomed)  # atomic: never seen half deleted
            shutil.rmtree(doomed)


def _newest(units: Iterable[Stored], stage: str, count: int) -> list[Stored]:
    """Return the newest `count` units of each name in a stage."""
    by_name: dict[str, list[Stored]] = {}
    for unit in units:
        if unit.path.parent.name == stage:
            by_name.setdefault(unit.name, []).append(unit)
    return [unit for same in by_name.values() for unit in sorted(same, key=age)[:count]]


def _with_derived(kept: dict[Path, Stored], units: Iterable[Stored]) -> dict[Path, Stored]:
    """Return the kept units, and the derived ones whose inputs are all kept."""
    derived = [u for u in units if u.path.parent.name in DERIVED and u.path not in kept]
    known = {name for unit in kept.values() for name in names_of(unit)}
    while more := [u for u in derived if set(u.inputs.values()) <= known]:
        kept |= {unit.path: unit for unit in more}
        known |= {name for unit in more for name in names_of(unit)}
        derived = [unit for unit in derived if unit.path not in kept]
    return kept


def _unfinished(store: Store, days: float) -> Iterator[Leftover]:
    """Yield folders and files of interrupted work, and replaced damaged folders."""
    for path in store.root.glob("*/*.damaged"):
        yield Leftover(path, 0, "it was damaged and has been replaced")
    for pattern in (f"*/*{PARTIAL}", f"*/*{HALF}", f"locks/*/*{HALF}"):
        for path in store.root.glob(pattern):
            if time.time() - last_change(path) > days * DAY_S:
                yield Leftover(path, 0, f"its run was interrupted over {days:g} days ago")


def _sized(leftovers: Iterable[Leftover]) -> list[Leftover]:
    """Return leftovers with their sizes; a hard-linked file counts when all its links go."""
    leftovers, names = list(leftovers), Counter[tuple[int, int]]()
    files = {leftover.path: list(_files(leftover.path)) for leftover in leftovers}
    for stats in files.values():
        names.update((stat.st_dev, stat.st_ino) for stat in stats)
    sized, counted = [], set[tuple[int, int]]()
    for leftover in leftovers:
        size = 0
        for stat in files[leftover.path]:
            content = (stat.st_dev, stat.st_ino)
            if names[content] >= stat.st_nlink and content not in counted:
                counted.add(content)
                size += stat.st_size
        sized.append(replace(leftover, size=size))
    return sized


def _files(place: Path) -> Iterator[os.stat_result]:
    for path in (place, *place.rglob("*")):
        with suppress(FileNotFoundError):  # finished meanwhile
            if path.is_file():
                yield path.stat()
