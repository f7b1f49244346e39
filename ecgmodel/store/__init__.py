"""The store: every result is a folder named by a key, complete once its manifest exists.

The key of a unit of work is the hash of everything that determines its output: the stage, its
settings, the content of its inputs and the version of its code. The folder is written as
`<folder>.<who>.partial` and then renamed, so a killed process leaves only a `.partial` folder,
which the next one deletes or continues. It first renames it to its own name, so that a process that
was suspended, taken for gone and wakes up has no part in it. A unit with a missing or altered file
counts as missing.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import re
import shutil
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecgmodel.store.leases import hold
from ecgmodel.support.disk import disk
from ecgmodel.support.locks import clear, is_ours, locked

if TYPE_CHECKING:
    from ecgmodel.support._lease import Lease

MANIFEST = "manifest.json"
INCIDENTAL = frozenset({"seconds", "machine", "checked"})
"""Facts of a manifest that say how a unit came about, and are no part of its content."""
HALF = ".half"
"""Suffix of a file that is being written."""
PARTIAL = ".partial"
"""Suffix of the folder of a unit that is being made."""
_log = logging.getLogger("ecg")


def digest(value: Any) -> str:
    """Return the sha256 of a JSON-serialisable value, independent of the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_hashes: dict[tuple[int, int, int, int], str] = {}


def sha256_once(path: Path) -> str:
    """Return the sha256 of a file; each file is read once per process, also under several names.

    A shard is stored in its own unit and, as a hard link, in each dataset that contains it.
    """
    stat = path.stat()
    content = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    if stat.st_nlink == 1 or content not in _hashes:
        _hashes[content] = file_sha256(path)
    return _hashes[content]


@dataclass(frozen=True)
class Unit:
    """One unit of work, before it is done.

    Attributes:
        stage: The stage, e.g. "resample"; also the name of the folder of its units.
        name: A readable name, e.g. "mitdb/100".
        settings: The settings that determine the output, JSON-serialisable.
        inputs: References to the units that it reads (`Stored.ref`), by role.
        code: Versions of the stage's code and of the libraries that affect its output.
    """

    stage: str
    name: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The hash of everything that determines the output."""
        return digest([self.stage, self.name, self.settings, self.inputs, self.code])

    @property
    def folder(self) -> str:
        """The unit's folder, relative to the store: stage, readable name and key."""
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", self.name).strip("-.")[:60]
        return f"{self.stage}/{name}-{self.key[:16]}"


@dataclass(frozen=True)
class Stored:
    """A finished unit of work.

    Attributes:
        path: Its folder.
        name: The unit's name.
        key: The unit's key.
        digest: The hash of its files' names and contents.
        info: Facts that the stage reported (counts, rates, reasons), JSON-serialisable.
        files: Relative file name to {"sha256", "bytes"}.
        settings: The unit's settings.
        inputs: References to its inputs, by role.
    """

    path: Path
    name: str
    key: str
    digest: str
    info: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Any]]
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]

    @property
    def ref(self) -> str:
        """What units that read this one name as their input: the content, however it was made.

        The same files and facts give the same reference, so that a stage that ran again and made
        the same lets nothing after it run. `INCIDENTAL` facts do not count.
        """
        facts = {name: value for name, value in self.info.items() if name not in INCIDENTAL}
        return digest([self.digest, facts])[:32]

    @property
    def refs(self) -> tuple[str, str]:
        """All references by which others name it: `ref`, and the one in stores of earlier code."""
        return self.ref, f"{self.key[:32]}:{self.digest[:32]}"

    def file(self, name: str) -> Path:
        """Return the path of one of its files."""
        return self.path / name


class Store:
    """A folder of finished units.

    Args:
        root: The store's folder, created on first use.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).absolute()
        self._checked: dict[Path, tuple[Any, Stored]] = {}

    def get(self, unit: Unit) -> Stored | None:
        """Return the finished unit, or None if it is missing or one of its files was altered.

        Every file is hashed once per process; later calls compare size and modification time.
        """
        path = self.root / unit.folder
        if not path.is_dir():
            return None
        hold(self.root)
        try:
            fingerprint = _fingerprint(path)
            known = self._checked.get(path)
            if known and known[0] == fingerprint:
                return known[1]
            stored = read_stored(path)
            if stored.key != unit.key or not is_intact(stored):
                return None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        self._checked[path] = (fingerprint, stored)
        clear(self._lock_file(unit.folder))  # its maker may have been killed once it was there
        return stored

    def make(
        self,
        unit: Unit,
        build: Callable[[Path], Mapping[str, Any] | None],
        resume: bool = False,
        scratch: Collection[str] = (),
    ) -> Stored:
        """Return the finished unit, and build it first if it is missing.

        Two processes never build the same unit at once: the second one waits, then reads it. A
        process whose work another one took over, since it was suspended, waits for that one.

        Args:
            unit: The unit.
            build: Writes the unit's files into the given folder, and returns facts for the
                manifest (JSON-serialisable) or None.
            resume: Pass `build` the folder of an interrupted call instead of an empty one.
            scratch: Folders that `build` needs only to resume, e.g. checkpoints. They are no part
                of the unit, and are deleted when it is finished.

        Raises:
            DiskFullError: The disk is full.
            LockHeldError: Another process works on the unit for over a day.
        """
        final = self.root / unit.folder
        with disk(self.root):
            hold(self.root)
        if (stored := self.get(unit)) and not any((final / name).exists() for name in scratch):
            return stored
        with disk(final), self.lock(unit.folder) as lock:
            if stored := self.get(unit):
                _drop(final, scratch)  # left by a kill between rename and deletion
                for left in _partial(final):  # by a process whose work was taken over
                    shutil.rmtree(left, ignore_errors=True)
                return stored
            if self._build(unit, build, lock, resume, scratch):
                _drop(final, scratch)
                shutil.rmtree(_damaged(final), ignore_errors=True)
                _remember(self.root, unit)
                stored = read_stored(final)
                self._checked[final] = (_fingerprint(final), stored)
                return stored
        _log.warning(
            "%s: this process was suspended for so long that another one took over its work. "
            "Waiting for that one.",
            unit.folder,
        )
        return self.make(unit, build, resume, scratch)

    def _build(
        self,
        unit: Unit,
        build: Callable[[Path], Mapping[str, Any] | None],
        lock: Lease,
        resume: bool,
        scratch: Collection[str],
    ) -> bool:
        """Build a unit, and return whether it is this process that finished it."""
        final = self.root / unit.folder
        own = final.with_name(f"{final.name}.{str(lock.token)[:8]}{PARTIAL}")
        if not is_ours(lock):  # suspended while it looked for the unit
            return False
        try:
            if final.exists():
                shutil.rmtree(_damaged(final), ignore_errors=True)
                final.rename(_damaged(final))
            _take_over(_partial(final), own, resume)
            _write_manifest(own, unit, build(own) or {}, scratch)
            if not is_ours(lock):  # a successor has the folder, and this one was made anew
                return False
            own.rename(final)  # fails if it is so by now, or if a predecessor woke up
        except BaseException as error:
            ours, made = is_ours(lock), self.get(unit) is not None
            if made or (ours and not resume):
                shutil.rmtree(own, ignore_errors=True)
            if (ours and not made) or not isinstance(error, Exception):
                raise
            return False
        return True

    def lock(self, name: str) -> AbstractContextManager[Lease]:
        """Return the lock of a name; it counts as released when its process ends or is killed."""
        return locked(self._lock_file(name), f"{name} in {self.root}")

    def _lock_file(self, name: str) -> Path:
        return self.root / "locks" / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.lease"


def read_stored(path: Path) -> Stored:
    """Read the manifest of a finished unit.

    Raises:
        FileNotFoundError: The folder contains no manifest.
        ValueError: The manifest is unreadable or was altered.
    """
    manifest = json.loads((path / MANIFEST).read_text())
    if manifest.pop("seal") != digest(manifest):
        raise ValueError(f"{path / MANIFEST} was altered after it was written")
    fields = ("name", "key", "digest", "info", "files", "settings", "inputs")
    return Stored(path=path, **{name: manifest[name] for name in fields})


def is_intact(stored: Stored) -> bool:
    """Return whether every file exists with the size and hash of the manifest."""
    return digest(stored.files) == stored.digest and all(
        (path := stored.path / name).is_file()
        and path.stat().st_size == entry["bytes"]
        and sha256_once(path) == entry["sha256"]
        for name, entry in stored.files.items()
    )


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, atomically; see `write_bytes`."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically: to a temporary name in the same folder, then renamed."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}{HALF}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _fingerprint(path: Path) -> tuple[tuple[str, int, int], ...]:
    stats = ((p, p.stat()) for p in sorted(path.rglob("*")) if p.is_file())
    return tuple((str(p), s.st_size, s.st_mtime_ns) for p, s in stats)


def _write_manifest(
    folder: Path, unit: Unit, info: Mapping[str, Any], scratch: Collection[str]
) -> None:
    paths = {p.relative_to(folder): p for p in sorted(folder.rglob("*")) if p.is_file()}
    files = {
        name.as_posix(): {"sha256": sha256_once(path), "bytes": path.stat().st_size}
        for name, path in paths.items()
        if name.parts[0] not in {MANIFEST, *scratch}
    }
    manifest: dict[str, Any] = {
        "stage": unit.stage,
        "name": unit.name,
        "key": unit.key,
        "digest": digest(files),
        "settings": unit.settings,
        "inputs": unit.inputs,
        "code": unit.code,
        "info": info,
        "files": files,
    }
    manifest["seal"] = digest(manifest)
    write_text(folder / MANIFEST, json.dumps(manifest, indent=1, allow_nan=False) + "\n")


def _remember(root: Path, unit: Unit) -> None:
    from ecgmodel.store.explaining import remember_functions  # which imports this module

    modules = unit.code.get("modules")
    if isinstance(modules, Mapping):  # `code_version`, which names modules
        remember_functions(root, modules)


def _drop(folder: Path, scratch: Collection[str]) -> None:
    for name in scratch:
        shutil.rmtree(folder / name, ignore_errors=True)


def last_change(folder: Path) -> float:
    """Return when a folder or a file in it was last changed, s since 1970; infinity if gone."""
    times = []
    for path in (folder, *folder.rglob("*")):
        with suppress(FileNotFoundError):
            times.append(path.stat().st_mtime)
    return max(times, default=math.inf)


def _partial(final: Path) -> list[Path]:
    """Return what unfinished work on a unit left; earlier code named it without its process."""
    return sorted(final.parent.glob(f"{final.name}.*{PARTIAL[1:]}"), key=last_change)


def _take_over(left: Sequence[Path], own: Path, resume: bool) -> None:
    """Prepare a process's own folder: empty, or with the newest of what others left."""
    for path in left:
        shutil.rmtree(own, ignore_errors=True)
        with suppress(FileNotFoundError):  # a process woke up and finished it
            path.rename(own)
    if not resume:
        shutil.rmtree(own, ignore_errors=True)
    own.mkdir(parents=True, exist_ok=True)
    for path in [p for p in own.rglob("*") if p.is_file()]:
        if path.name.endswith(HALF):  # left by a kill between write and rename
            path.unlink()
        elif path.stat().st_nlink == 1:  # a process that wakes up may have it open
            shutil.copy2(path, half := path.with_name(path.name + HALF))
            half.replace(path)


def _damaged(final: Path) -> Path:
    """Return the name under which a damaged folder waits for deletion."""
    return final.with_name(final.name + ".damaged")
