"""Databases are made whole, whenever their maker is killed and however many ask at once."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from ecgmodel.errors import DiskFullError
from ecgmodel.support import locks
from ecgmodel.support.databases import make_whole

STEPS = 5
MAKER = """
import sqlite3, sys, time
from contextlib import closing
from pathlib import Path
from ecgmodel.support import locks
from ecgmodel.support.databases import make_whole
from tests.ecgmodel.support.test_databases import is_whole, make
def slowly(path):
    Path(sys.argv[2], str(__import__("os").getpid())).touch()
    make(path, float(sys.argv[3]))
locks.LEASE_S = float(sys.argv[4])
make_whole(Path(sys.argv[1]), slowly, is_whole)
"""
DIES_IN_A_TRANSACTION = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("pragma cache_size = 2")
database.execute("create table t0 (x)")
database.execute("begin")
for _ in range(2000):
    database.execute("insert into t0 values (?)", ("y" * 200,))
os.kill(os.getpid(), 9)
"""


def make(path: Path, pause_s: float = 0) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("pragma journal_mode = wal")
        for number in range(STEPS):
            with database:
                database.execute(f"create table t{number} (x)")
                database.execute(f"insert into t{number} values (1)")
            time.sleep(pause_s)


def is_whole(database: sqlite3.Connection) -> bool:
    return len(database.execute("select * from sqlite_master").fetchall()) == STEPS


def tables(place: Path) -> int:
    with closing(sqlite3.connect(place)) as database:
        return len(database.execute("select * from sqlite_master").fetchall())


def maker(
    place: Path, begun: Path, pause_s: float, lease_s: float = locks.LEASE_S
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", MAKER, str(place), str(begun), str(pause_s), str(lease_s)]
    return subprocess.Popen(command, cwd=Path(__file__).parents[3])


def wait_for_a_table(place: Path) -> None:
    """Wait until a maker of a database, elsewhere in its folder, has made a table."""
    while not any(tables(half) for half in place.parent.glob(f"{place.name}*.half")):
        time.sleep(0.02)


def die_in_a_transaction(place: Path) -> None:
    """Leave a database with a rollback journal, as a killed process does."""
    process = subprocess.run([sys.executable, "-c", DIES_IN_A_TRANSACTION, str(place)])
    assert process.returncode == -signal.SIGKILL
    assert place.with_name(f"{place.name}-journal").stat().st_size > 0


def test_a_kill_leaves_none_and_the_next_one_makes_it(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    begun.mkdir()
    place = tmp_path / "a" / "some.db"
    process = maker(place, begun, 60)
    wait_for_a_table(place)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not place.exists()
    make_whole(place, make, is_whole)
    assert tables(place) == STEPS
    assert [path.name for path in place.parent.iterdir()] == ["some.db"]


def test_it_is_made_once_by_several_at_the_same_time(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    begun.mkdir()
    place = tmp_path / "some.db"
    makers = [maker(place, begun, 0.1) for _ in range(4)]
    assert [process.wait() for process in makers] == [0] * 4
    assert len(list(begun.iterdir())) == 1
    assert tables(place) == STEPS


def test_one_left_half_made_is_put_aside(tmp_path: Path) -> None:
    place = tmp_path / "some.db"
    with closing(sqlite3.connect(place)) as database:
        database.execute("create table t0 (x)")
    make_whole(place, make, is_whole)
    assert tables(place) == STEPS
    assert tables(tmp_path / "some.db.half-made") == 1


def test_one_left_in_a_transaction_is_put_aside(tmp_path: Path) -> None:
    place = tmp_path / "some.db"
    die_in_a_transaction(place)
    make_whole(place, make, is_whole)
    assert tables(place) == STEPS


def test_a_journal_that_a_kill_left_alone_does_not_undo_the_new_one(tmp_path: Path) -> None:
    place = tmp_path / "some.db"
    die_in_a_transaction(place)
    place.replace(tmp_path / "some.db.half-made")  # killed before the journal was put aside
    make_whole(place, make, is_whole)
    assert tables(place) == STEPS
    assert (tmp_path / "some.db-journal.half-made").exists()
    assert (tmp_path / "some.db.half-made").exists()


def test_one_maker_suspended_for_long_harms_nothing_that_its_successor_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = tmp_path / "begun"
    begun.mkdir()
    place = tmp_path / "some.db"
    suspended = maker(place, begun, 0.3, lease_s=1)
    wait_for_a_table(place)
    suspended.send_signal(signal.SIGSTOP)
    try:
        monkeypatch.setattr(locks, "LEASE_S", 1.0)
        make_whole(place, make, is_whole)
        made = place.stat().st_ino
    finally:
        suspended.send_signal(signal.SIGCONT)
    assert suspended.wait(60) == 0
    assert place.stat().st_ino == made
    assert tables(place) == STEPS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["begun", "some.db"]


def test_a_relative_place_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    place = Path("a", "some.db")
    make_whole(place, make, is_whole)
    made = place.stat().st_ino
    make_whole(place, make, is_whole)
    assert place.stat().st_ino == made


def test_what_is_no_database_is_left_to_whoever_opens_it(tmp_path: Path) -> None:
    place = tmp_path / "some.db"
    place.write_bytes(b"This is no database. " * 100)
    make_whole(place, make, is_whole)
    assert place.read_bytes().startswith(b"This is no database.")


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    def full(_: Path) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(DiskFullError, match=r"The disk is full: .*some\.db"):
        make_whole(tmp_path / "some.db", full, is_whole)
    assert not (tmp_path / "some.db").exists()
    assert [path.name for path in tmp_path.iterdir()] == []
