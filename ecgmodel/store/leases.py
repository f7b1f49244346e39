"""Who works on a store now: each process holds a lease, so that nothing is deleted under it.

A lease is a locked file. The system frees it when its process ends, however that ends.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ecgmodel.errors import StoreInUseError

_held: dict[tuple[Path, int], FileLock] = {}
_guard = threading.Lock()


def hold(root: Path) -> None:
    """Take this process's lease on a store, if it has none; it lasts as long as the process."""
    with _guard:
        if (root, os.getpid()) in _held:
            return
        with _gate(root):
            lease = FileLock(_folder(root) / f"{os.getpid()}.lock", thread_local=False)
            lease.acquire()
        _held[root, os.getpid()] = lease


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Keep a store from being worked on by any other process meanwhile.

    Raises:
        StoreInUseError: A process works on it.
    """
    with _gate(root):
        for lease in sorted(_folder(root).glob("*.lock")):
            if lease.stem == str(os.getpid()):
                continue
            try:
                with FileLock(lease, timeout=0):
                    pass
            except Timeout as error:
                raise StoreInUseError(
                    f"Process {lease.stem} works on the store {root}: nothing was deleted. Wait "
                    "for it to end, and give the same command again."
                ) from error
            lease.unlink(missing_ok=True)
        yield


def _gate(root: Path) -> FileLock:
    """Return the lock that who comes and who wants to be alone pass one at a time."""
    return FileLock(_folder(root).with_name("gate.lock"))


def _folder(root: Path) -> Path:
    folder = root / "locks" / "leases"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
