"""filelock's lease, taken over from a holder that is gone also where filelock waits for ever."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Self

from filelock import AcquireReturnProxy, SoftFileLease, Timeout

_HALF = ".half"  # a file of this name that a kill left is deleted by gc
_LONGEST = 1024


class _Marker(NamedTuple):
    """A lock's file, as far as each renewal and each new holder changes it."""

    inode: int
    changed_ns: int
    record: bytes


class Lease(SoftFileLease):
    """A lock that is free once its holder is gone, on any file system and whatever it left.

    filelock by itself waits for ever for a file without a readable record (its holder was killed
    between making and writing it, or the power failed), and for any holder that is gone where the
    file system cannot exchange two names (NFS, SMB).
    """

    _seen: tuple[_Marker, float] | None = None
    _broken = False

    def acquire(self, *args: Any, **kwargs: Any) -> AcquireReturnProxy[Self]:
        """Take the lock, as `SoftFileLease.acquire` does."""
        kwargs.setdefault("cancel_check", self._break_if_gone)
        try:
            return super().acquire(*args, **kwargs)
        except Timeout:
            if not self._broken:
                raise
        return super().acquire(timeout=0)

    @property
    def is_here(self) -> bool:
        """Whether the holder is on this machine, and in this container."""
        return self._pid_here() is not None

    def _pid_here(self) -> int | None:
        owner = self.owner
        return owner.pid if owner is not None and owner.hostname == _own_host() else None

    def _break_if_gone(self) -> bool:
        """Remove the file of a holder that is gone; return False, which tells filelock to go on."""
        self._broken = False
        marker, now = _read(Path(self.lock_file)), time.monotonic()
        if marker is None:
            self._seen = None
            return False
        if self._seen is None or self._seen[0] != marker:
            self._seen = marker, now
        if now - self._seen[1] >= self.lease_duration or self._has_ended():
            _remove(Path(self.lock_file), marker)
            self._broken = True
        return False

    def _has_ended(self) -> bool:
        import psutil

        pid = self._pid_here()
        return pid is not None and not psutil.pid_exists(pid)


@cache
def _own_host() -> str:
    with TemporaryDirectory() as folder, SoftFileLease(Path(folder) / "own") as own:
        assert own.owner  # it is held
        return str(own.owner.hostname)


def _read(path: Path) -> _Marker | None:
    with suppress(OSError), path.open("rb") as file:  # opened, so that NFS asks its server
        stat = os.fstat(file.fileno())
        return _Marker(stat.st_ino, stat.st_mtime_ns, file.read(_LONGEST))
    return None


def _remove(path: Path, judged: _Marker) -> None:
    """Remove a lock's file, unless it is another one by now.

    It is renamed first, and of several processes that do so one gets it. If that one finds the file
    of a new holder, it puts it back; `link` replaces no file. A holder that lost its file all the
    same, or wakes up after it was taken for gone, learns it from the file (`locks.is_ours`).
    """
    aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}{_HALF}")
    with suppress(FileNotFoundError):
        path.rename(aside)
        if _read(aside) != judged:
            with suppress(OSError):
                os.link(aside, path)
        aside.unlink()
