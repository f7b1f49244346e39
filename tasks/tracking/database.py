"""MLflow's SQLite databases, made whole: a kill while MLflow makes one in place loses it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ecgmodel.support.databases import make_whole


def make_database(place: Path, artifacts: str) -> None:
    """Make the database of runs and models unless it is there.

    Args:
        place: The database.
        artifacts: URI of the folder for artifacts.

    Raises:
        DiskFullError: The disk is full.
    """

    def make(half: Path) -> None:
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        SqlAlchemyStore(f"sqlite:///{half}", artifacts).engine.dispose()

    make_whole(place, make, _is_whole)


def make_users(place: Path) -> None:
    """Make the database of users and permissions unless it is there.

    Raises:
        DiskFullError: The disk is full.
    """

    def make(half: Path) -> None:
        from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

        store = SqlAlchemyStore()
        store.init_db(f"sqlite:///{half}")
        store.engine.dispose()

    make_whole(place, make, _has_users)


def _is_whole(database: sqlite3.Connection) -> bool:
    """Return whether it has an experiment: MLflow adds the first one after all tables."""
    return _has_rows(database, "experiments")


def _has_users(database: sqlite3.Connection) -> bool:
    return _has_rows(database, "users") or _has_rows(database, "alembic_version_auth")


def _has_rows(database: sqlite3.Connection, table: str) -> bool:
    known = database.execute("select 1 from sqlite_master where name = ?", (table,)).fetchone()
    return bool(known and database.execute(f"select 1 from {table} limit 1").fetchone())
