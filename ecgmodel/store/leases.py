"""Leases on a store: a process that uses the store holds one, which blocks deletion."""

from __future__ import annotations

import atexit
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ecgmodel.errors import StoreInUseError
from ecgmodel.support.locks import LEASE_S, holder, is_here, lease, locked

if TYPE_CHECKING:
    from filelock import SoftFileLease

GATE_S = 600.0
_held: dict[tuple[Path, int], SoftFileLease] = {}
_guard = threading.Lock()


def hold(root: Path) -> None:
    """Take a lease on a store for the lifetime of this process, unless it has one."""
    with _guard:
        if (root, os.getpid()) in _held:
            return
        with _gate(root):
            for other in _folder(root).glob("*.lease"):
                _clear_if_gone(other)
            # Processes in several containers may have one number.
            own = lease(_folder(root) / f"{os.getpid()}-{secrets.token_hex(4)}.lease")
            own.acquire(timeout=0)
        atexit.register(own.release)
        _held[root, os.getpid()] = own


@contextmanager
def exclusive(root: Path) -> Iterator[None]:
    """Lock a store against use by other processes.

    Raises:
        StoreInUseError: Another process uses the store.
    """
    from filelock import Timeout

    hold(root)
    own = _held[root, os.getpid()]
    with _gate(root):
        for path in sorted(_folder(root).glob("*.lease")):
            if path == Path(own.lock_file):
                continue
            other = lease(path)
            try:
                other.acquire(timeout=0 if is_here(other) else LEASE_S + 5)
            except Timeout as error:
                raise StoreInUseError(
                    f"The store {root} is in use by {holder(other)}. Nothing was deleted. "
                    "Wait for the process to end, then run the same command again."
                ) from error
            other.release()
        yield


def _clear_if_gone(path: Path) -> None:
    from filelock import Timeout

    with suppress(Timeout), lease(path).acquire(timeout=0):
        pass


def _gate(root: Path) -> AbstractContextManager[SoftFileLease]:
    """Return the lock that serialises `hold` and `exclusive`."""
    gate = _folder(root).with_name("gate.lease")
    return locked(gate, f"the list of processes that use {root}", GATE_S)


def _folder(root: Path) -> Path:
    folder = root / "locks" / "leases"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
