"""Leases on a store: a process that uses the store holds one, which blocks deletion.

A lease is a locked file. The operating system releases it when its process ends or is killed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ecgmodel.errors import StoreInUseError

if TYPE_CHECKING:
    from filelock import FileLock

_held: dict[tuple[Path, int], FileLock] = {}
_guard = threading.Lock()


def hold(root: Path) -> None:
    """Take a lease on a store for the lifetime of this process, unless it has one."""
    with _guard:
        if (root, os.getpid()) in _held:
            return
        from filelock import FileLock

        with _gate(root):
            lease = FileLock(_folder(root) / f"{os.getpid()}.lock", thread_local=False)
            lease.acquire()
        _held[root, os.getpid()] = lease


@contextmanager
def exclusive(root: Path) -> Iterator[None]:
    """Lock a store against use by other processes.

    Raises:
        StoreInUseError: Another process uses the store.
    """
    from filelock import FileLock, Timeout

    with _gate(root):
        for lease in sorted(_folder(root).glob("*.lock")):
            if lease.stem == str(os.getpid()):
                continue
            try:
                with FileLock(lease, timeout=0):
                    pass
            except Timeout as error:
                raise StoreInUseError(
                    f"The store {root} is in use by process {lease.stem}. Nothing was deleted. "
                    "Wait for the process to end, then run the same command again."
                ) from error
            lease.unlink(missing_ok=True)
        yield


def _gate(root: Path) -> FileLock:
    """Return the lock that serialises `hold` and `exclusive`."""
    from filelock import FileLock

    return FileLock(_folder(root).with_name("gate.lock"))


def _folder(root: Path) -> Path:
    folder = root / "locks" / "leases"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
