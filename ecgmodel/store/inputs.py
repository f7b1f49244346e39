"""The units of a store, and which of them another one was made from."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from ecgmodel.store import MANIFEST, Store, Stored, file_sha256, read_stored


def units_of(store: Store) -> Iterator[Stored]:
    """Yield the finished units of a store."""
    for manifest in sorted(store.root.glob(f"*/*/{MANIFEST}")):
        if manifest.parent.suffix in (".partial", ".damaged"):
            continue
        try:
            yield read_stored(manifest.parent)
        except (OSError, ValueError, KeyError):
            continue  # not a unit, or a damaged one, which the next run replaces


def inputs_of(store: Store, roots: Iterable[Stored]) -> list[Stored]:
    """Return units and all their direct and indirect inputs that are in the store."""
    return list(closure(roots, list(units_of(store))).values())


def closure(roots: Iterable[Stored], units: Iterable[Stored]) -> dict[Path, Stored]:
    """Return the roots and all their direct and indirect inputs, by folder."""
    # Several units may have one content, however they were made; the newest is the one in use.
    oldest_first = sorted(units, key=age, reverse=True)
    made_by = {name: unit for unit in oldest_first for name in names_of(unit)}
    kept: dict[Path, Stored] = {}
    waiting = list(roots)
    while waiting:
        unit = waiting.pop()
        if unit.path not in kept:
            kept[unit.path] = unit
            waiting += [made_by[name] for name in unit.inputs.values() if name in made_by]
    return kept


def names_of(unit: Stored) -> Iterator[str]:
    """Yield the references under which others name this unit: its own and its files' hashes."""
    yield from unit.refs
    for entry in unit.files.values():
        yield str(entry["sha256"])


def age(unit: Stored) -> float:
    """Return the time since a unit was finished, s."""
    return time.time() - (unit.path / MANIFEST).stat().st_mtime


def damaged_files(folder: Path) -> list[Path]:
    """Hash every file of a unit and of all units that it was made from.

    Args:
        folder: The unit's folder, in its store.

    Returns:
        The files that are missing or not as their manifest says.
    """
    store = Store(folder.absolute().parents[1])
    known = (
        (unit.file(name), entry["sha256"])
        for unit in inputs_of(store, [read_stored(folder)])
        for name, entry in unit.files.items()
    )
    return [path for path, sha in known if not path.is_file() or file_sha256(path) != sha]
