"""Why a unit would be made again: which setting, input, function or library is another one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ecgmodel.store import MANIFEST, Store, Unit, file_sha256, write_text
from ecgmodel.store.versions import functions

FOLDER = "code"
_remembered: set[Path] = set()


def remember_functions(root: Path, modules: Mapping[str, str]) -> None:
    """Write down, once for each state of a module, the hashes of its functions.

    Args:
        root: The store's folder.
        modules: Result of `code_version`.
    """
    for module, version in modules.items():
        place = root / FOLDER / f"{version}.json"
        if place not in _remembered and not place.is_file():
            place.parent.mkdir(exist_ok=True)
            _write_once(place, json.dumps(functions(module)))
        _remembered.add(place)


def _write_once(place: Path, text: str) -> None:
    """Write a file that is not there yet, at once whole; a kill leaves nothing.

    It has no name until it is whole, where the file system can do that.
    """
    try:
        nameless = os.O_WRONLY | getattr(os, "O_TMPFILE", 0)
        with os.fdopen(os.open(place.parent, nameless, 0o666), "wb") as file:
            file.write(text.encode())
            file.flush()
            os.link(f"/proc/self/fd/{file.fileno()}", place)
    except FileExistsError:
        pass  # another process has written the same
    except OSError:
        write_text(place, text)


def differences(store: Store, folder: Path, unit: Unit) -> list[str]:
    """Return what distinguishes a finished unit from the one that would be made now.

    Args:
        store: The store.
        folder: The finished unit's folder.
        unit: The unit that would be made.

    Returns:
        Sentences; none if nothing is different.
    """
    try:
        before = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        return [f"{folder / MANIFEST} cannot be read: {error}"]
    code = dict(before["code"])
    found = [
        *_values("setting", before["settings"], unit.settings),
        *(f"input {role} is another one, or has other content" for role in _roles(before, unit)),
        *_modules(store.root, code.pop("modules", {}), unit.code.get("modules", {})),
        *_values("library", code.pop("libraries", {}), unit.code.get("libraries", {})),
        *_values("code", code, {n: v for n, v in unit.code.items() if n not in _TOLD}),
    ]
    return found or list(_damage(folder, before["files"]))


_TOLD = ("modules", "libraries")


def _roles(before: Mapping[str, Any], unit: Unit) -> list[str]:
    old, new = before["inputs"], unit.inputs
    return [role for role in sorted({*old, *new}) if old.get(role) != new.get(role)]


def _values(kind: str, before: Any, now: Any) -> Iterator[str]:
    old, new = _flat(before), _flat(now)
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield f"{kind} {name}: {old.get(name, 'absent')}, now {new.get(name, 'absent')}"


def _flat(tree: Any, prefix: str = "") -> dict[str, str]:
    if not isinstance(tree, Mapping):
        return {prefix.rstrip("."): json.dumps(tree)}
    return {n: v for key, value in tree.items() for n, v in _flat(value, f"{prefix}{key}.").items()}


def _modules(root: Path, before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for module in sorted({*before, *now}):
        if module not in now:
            yield f"module {module} is not used any more"
        elif module not in before:
            yield f"module {module} is used, and was not"
        elif before[module] != now[module]:
            changed = _changed(root / FOLDER / f"{before[module]}.json", functions(module))
            where = f": {', '.join(changed)}" if changed else ""
            yield f"module {module} was changed{where}"


def _changed(table: Path, now: Mapping[str, str]) -> list[str]:
    """Return the names of functions that are new, gone or different; none if it is not known."""
    try:
        before: Mapping[str, str] = json.loads(table.read_text())
    except (OSError, ValueError):
        return []
    return [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]


def _damage(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    for name, entry in files.items():
        path = folder / name
        if not path.is_file():
            yield f"file {name} is missing"
        elif file_sha256(path) != entry["sha256"]:
            yield f"file {name} was altered after it was made"
