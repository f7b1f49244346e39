"""Leases on a store: a process that uses the store holds one, which blocks deletion."""

from __future__ import annotations

import atexit
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ecgmodel.errors import StoreInUseError
from ecgmodel.support.locks import holder, is_here, lease, locked

if TYPE_CHECKING:
    from ecgmodel.support._lease import Lease

GATE_S = 600.0
_LONGER_S, _BETWEEN_S = 5.0, 0.1
_held: dict[tuple[Path, int], Lease] = {}
_guard = threading.Lock()


def hold(root: Path) -> None:
    """Take a lease on a store for the lifetime of this process, unless it has one."""
    with _guard:
        known = _held.get((root, os.getpid()))
        if known and not known.compromise:  # else it was suspended, and taken for gone
            return
        with _gate(root):
            for other in _folder(root).glob("*.lease"):
                _cleared(lease(other))
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
    hold(root)
    own = Path(_held[root, os.getpid()].lock_file).name
    with _gate(root):
        paths = sorted(p for p in _folder(root).glob("*.lease") if p.name != own)
        _await_end([lease(path) for path in paths], root)
        yield


def _await_end(others: list[Lease], root: Path) -> None:
    """Clear the leases of processes that are gone; those elsewhere are timed all at once."""
    here = [other for other in others if is_here(other)]
    end = time.monotonic() + max((other.lease_duration for other in others), default=0) + _LONGER_S
    while others := [other for other in others if not _cleared(other)]:
        using = others if time.monotonic() > end else [other for other in others if other in here]
        if using:
            raise StoreInUseError(
                f"The store {root} is in use by {holder(using[0])}. Nothing was deleted. "
                "Wait for the process to end, then run the same command again."
            )
        time.sleep(_BETWEEN_S)


def _cleared(other: Lease) -> bool:
    """Clear a lease if its process is gone, and return whether it was."""
    from filelock import Timeout

    with suppress(Timeout), other.acquire(timeout=0):
        return True
    return False


def _gate(root: Path) -> AbstractContextManager[Lease]:
    """Return the lock that serialises `hold` and `exclusive`."""
    gate = _folder(root).with_name("gate.lease")
    return locked(gate, f"the list of processes that use {root}", GATE_S)


def _folder(root: Path) -> Path:
    folder = root / "locks" / "leases"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
