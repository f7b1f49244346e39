"""SQLite databases that are never found half-made: made beside their place, then renamed."""

from __future__ import annotations

import glob
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from ecgmodel.support.disk import disk, said_full
from ecgmodel.support.locks import is_ours, locked

if TYPE_CHECKING:
    from ecgmodel.support._lease import Lease

WAIT_S = 600.0

_HALF, _ASIDE = ".half", ".half-made"


def make_whole(
    place: Path, make: Callable[[Path], None], whole: Callable[[sqlite3.Connection], bool]
) -> None:
    """Make a database unless it is there, once even if several processes ask at the same time.

    A kill at any moment leaves no database or a whole one. One that was left half-made, by a
    program that makes it in its place, is renamed to `<name>.half-made` and made again.

    Args:
        place: The database.
        make: Makes it at another path, and closes it.
        whole: Returns whether the database at `place` is to be kept; an error means yes, so that
            whoever opens it says what is wrong.

    Raises:
        DiskFullError: The disk is full.
        LockHeldError: Another process has been making it for minutes.
    """
    place = place.absolute()
    while not _is_whole(place, whole):
        with disk(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            with locked(place.with_name(f"{place.name}.lease"), str(place), WAIT_S) as lock:
                if _is_whole(place, whole) or _made(place, make, lock):
                    return


def _made(place: Path, make: Callable[[Path], None], lock: Lease) -> bool:
    """Make a database; return False if the lock was lost: another process makes it."""
    for left in place.parent.glob(f"{glob.escape(place.name)}.*{_HALF}*"):
        left.unlink(missing_ok=True)
    half = place.with_name(f"{place.name}.{lock.token}{_HALF}")
    try:
        make(half)
        _into_one_file(half)
        if not is_ours(lock):
            return False
        for file in _with_journals(place):  # a journal left alone would undo the new database
            file.replace(file.with_name(file.name + _ASIDE))
        half.replace(place)
    except Exception as error:
        if not is_ours(lock):
            return False
        raise said_full(error, place) or error from error
    finally:
        for file in _with_journals(half):
            file.unlink(missing_ok=True)
    return True


def _is_whole(place: Path, whole: Callable[[sqlite3.Connection], bool]) -> bool:
    if not place.is_file():
        return False
    try:  # to write, so that a transaction in which its maker was killed is rolled back
        with closing(sqlite3.connect(f"{place.as_uri()}?mode=rw", uri=True, timeout=60)) as found:
            return whole(found)
    except sqlite3.Error:
        return True


def _into_one_file(database: Path) -> None:
    """Move what is in a write-ahead log into the database itself."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("pragma journal_mode = delete")
    for journal in _with_journals(database)[1:]:
        journal.unlink()


def _with_journals(database: Path) -> list[Path]:
    names = (database.name + end for end in ("", "-wal", "-shm", "-journal"))
    return [path for path in map(database.with_name, names) if path.exists()]
