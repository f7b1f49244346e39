"""Locks that are files: known by machine, process and start, and cleared when the holder is gone.

They are filelock's leases, which need no `flock` of the file system: a file that exists, names its
holder and is renewed while that lives. A holder on the same machine, and in the same container, is
known to be gone at once; any other is, after `LEASE_S` without a renewal, timed by whoever waits.
So is one that was killed before it wrote its name, and one that is suspended: when that wakes up,
the lock is another process's, which `is_ours` tells.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ecgmodel.errors import EcgError

if TYPE_CHECKING:
    from ecgmodel.support._lease import Lease  # the light install has no need of locks

LEASE_S = 60.0
"""Time without a renewal after which a holder elsewhere counts as gone."""
DAY_S = 86_400.0
_TOLD_S = 20.0
_LOOKS, _BETWEEN_S = 3, 0.05
_log = logging.getLogger("ecg")


class LockHeldError(EcgError, TimeoutError):
    """Another process holds a lock for longer than was waited."""


def lease(path: Path) -> Lease:
    """Return the lock of a file, not yet taken; any thread may release it."""
    from ecgmodel.support._lease import Lease

    path.parent.mkdir(parents=True, exist_ok=True)
    return Lease(path.absolute(), lease_duration=LEASE_S, thread_local=False)


@contextmanager
def locked(path: Path, what: str, timeout_s: float = DAY_S) -> Iterator[Lease]:
    """Hold a lock; while another process has it, say now and then which.

    Args:
        path: The lock's file.
        what: What it is for, as people call it.
        timeout_s: Longest wait, s.

    Yields:
        The lock. It may be lost: see `is_ours`.

    Raises:
        LockHeldError: It was not released in time.
    """
    from filelock import Timeout

    lock, start, told = lease(path), time.monotonic(), _TOLD_S
    while True:
        left = timeout_s - (time.monotonic() - start)
        try:
            lock.acquire(timeout=max(0.0, min(told, left)))
            if is_ours(lock):
                break
            lock.release()  # this process was suspended while it took the lock
        except Timeout as error:
            if left <= told:
                raise LockHeldError(
                    f"{what} is in use by {holder(lock)} for over {timeout_s:,.0f} s. Wait for it "
                    "to end, or end it, then run the same command again."
                ) from error
            _log.warning("Waiting for %s, in use by %s.", what, holder(lock))
            told *= 2
    try:
        yield lock
    finally:
        lock.release()


def clear(path: Path) -> None:
    """Remove a lock whose holder was killed, as far as that is known without waiting."""
    if path.exists():
        from filelock import Timeout

        with suppress(Timeout), lease(path).acquire(timeout=0):
            pass


def is_ours(lock: Lease) -> bool:
    """Return whether a lock that was taken is still this process's, by the lock's file.

    It is not if this process was suspended so long that another one took it for gone.
    """
    for look in range(_LOOKS):  # who clears a lock may hold its file aside for a moment
        time.sleep(_BETWEEN_S if look else 0)
        if (owner := lock.owner) is not None and owner.token == lock.token:
            return True
    return False


def is_here(lock: Lease) -> bool:
    """Return whether a lock is free, or its holder is on this machine and in this container.

    Then it is known at once whether it is gone; else only after `LEASE_S` without a renewal.
    """
    return lock.is_here or not Path(lock.lock_file).exists()


def holder(lock: Lease) -> str:
    """Return who holds a lock, as people say it."""
    owner = lock.owner
    if owner is None:
        return "another process"
    return f"process {owner.pid} on {owner.hostname.partition('?')[0]}"
