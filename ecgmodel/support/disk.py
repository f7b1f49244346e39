"""Detection of a full disk, with an error that names the disk, the file and the remedy."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ecgmodel.errors import DiskFullError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_WORDS = ("disk is full", "No space left on device", "Disk quota exceeded")
# Some libraries report a short write without an errno; then the free space decides.
_NOTHING_LEFT = 2**20


@contextmanager
def disk(path: Path) -> Iterator[None]:
    """Raise `DiskFullError` for errors that a full disk caused.

    Args:
        path: The file or folder being written.

    Raises:
        DiskFullError: The disk of `path` is full. Other errors pass unchanged.
    """
    try:
        yield
    except DiskFullError:
        raise
    except OSError as error:
        if not _is_full(error, path):
            raise
        raise _full(error, path) from error


def said_full(error: BaseException, path: Path) -> DiskFullError | None:
    """Return a `DiskFullError` if an error's own words, such as SQLite's, say so; else None."""
    if not _says_full(error):
        return None
    return _full(OSError(errno.ENOSPC, str(error)), path)


def _says_full(error: BaseException) -> bool:
    return any(words in str(error) for words in _WORDS)


def full_disk(error: BaseException) -> DiskFullError | None:
    """Return a `DiskFullError` if an error, or one that caused it, is a full disk; else None.

    If it names no file, the fullest of the usual places is named.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, DiskFullError):
            return cause
        if isinstance(cause, OSError) and cause.errno in _FULL:
            return _full(cause, _named(cause) or _fullest())
        if _says_full(cause):
            return said_full(cause, _fullest())
        cause = cause.__cause__ or cause.__context__
    return None


def _named(error: OSError) -> Path | None:
    """Return the file that an error names; it may name a descriptor, or nothing."""
    return Path(error.filename) if isinstance(error.filename, str | Path) else None


def _fullest() -> Path:
    places = []
    for place in (Path.cwd, Path.home, lambda: Path(tempfile.gettempdir())):
        with suppress(OSError, RuntimeError):  # a deleted folder, a user without a home
            places.append(place())
    return min(places or [Path("/")], key=lambda place: shutil.disk_usage(_existing(place)).free)


def _is_full(error: OSError, path: Path) -> bool:
    if error.errno is not None:
        return error.errno in _FULL
    return shutil.disk_usage(_existing(path)).free < _NOTHING_LEFT


def _full(error: OSError, path: Path) -> DiskFullError:
    place = _existing(path)
    usage = shutil.disk_usage(place)
    while not place.is_mount():
        place = place.parent
    return DiskFullError(
        error.errno or errno.ENOSPC,
        f"The disk is full: {place} has {usage.free / 1e6:,.1f} of {usage.total / 1e6:,.0f} MB "
        "left. Free space (`ecg-denoise gc` lists unused results), then run the same command "
        "again; it continues where it stopped. Not written",
        str(path),
    )


def _existing(path: Path) -> Path:
    """Return the nearest existing folder of a path."""
    place = path.absolute()
    while not place.is_dir():
        place = place.parent
    return place
