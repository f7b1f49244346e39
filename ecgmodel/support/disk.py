"""A full disk, said plainly: which one it is, what could not be written, and what to do."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecgmodel.errors import DiskFullError

_FULL = (errno.ENOSPC, errno.EDQUOT)
# Some libraries write less than asked and say so without a number: then the disk is asked.
_NOTHING_LEFT = 2**20


@contextmanager
def disk(path: Path) -> Iterator[None]:
    """Say plainly that the disk of a path is full, where that is what an error means.

    Args:
        path: What is written.

    Raises:
        DiskFullError: It is. Other errors are passed on as they are.
    """
    try:
        yield
    except DiskFullError:
        raise
    except OSError as error:
        if not _is_full(error, path):
            raise
        raise _full(error, path) from error


def _is_full(error: OSError, path: Path) -> bool:
    if error.errno is not None:
        return error.errno in _FULL
    return shutil.disk_usage(_there(path)).free < _NOTHING_LEFT


def _full(error: OSError, path: Path) -> DiskFullError:
    place = _there(path)
    usage = shutil.disk_usage(place)
    while not place.is_mount():
        place = place.parent
    return DiskFullError(
        error.errno or errno.ENOSPC,
        f"The disk is full: {place} has {usage.free / 1e6:,.1f} of {usage.total / 1e6:,.0f} MB "
        "left. Free some space (`ecg-denoise gc` shows what nothing needs) and run again, which "
        "goes on from what was done; cannot write",
        str(path),
    )


def _there(path: Path) -> Path:
    """Return the nearest folder of a path that is there."""
    place = path.absolute()
    while not place.is_dir():
        place = place.parent
    return place
