"""Prefect's SQLite databases: made whole, and with transactions that wait for each other."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from prefect.server.database import dependencies
from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

from ecgmodel.support.databases import make_whole

USED = {"flow_run", "deployment", "variable", "block_document"}
"""Tables that have rows only after somebody used the server."""
PREFIX = "sqlite+aiosqlite:///"


class WaitingSqlite(AioSqliteConfiguration):
    """SQLite with transactions that wait for each other.

    SQLite fails at once ("database is locked") when a transaction that began with a read wants to
    write after another one has written. Most of Prefect's transactions begin with a read. With
    BEGIN IMMEDIATE each transaction waits for the write lock instead.
    """

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        """Begin a transaction with the write lock."""
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


def use_database(place: Path) -> None:
    """Let Prefect's server in this process use a database, which is made if it is missing."""
    make_whole(place, _make, _is_whole)
    use_made(place)


def use_made(place: Path) -> None:
    """Let Prefect's server in this process use a database that is there."""
    config = WaitingSqlite(connection_url=f"{PREFIX}{place}")
    dependencies.MODELS_DEPENDENCIES["database_config"] = config


def make_empty(place: Path) -> None:
    """Make an empty database of this version of Prefect, which takes seconds.

    Args:
        place: A name for this version alone: one that is there is kept.

    Raises:
        DiskFullError: The disk is full.
        LockHeldError: Another process has been making it for minutes.
    """
    make_whole(place, _make, lambda _: True)


def _make(place: Path) -> None:
    async def create() -> None:
        interface = dependencies.provide_database_interface()
        await interface.create_db()
        await (await interface.engine()).dispose()

    with dependencies.temporary_database_config(
        AioSqliteConfiguration(connection_url=f"{PREFIX}{place}")
    ):
        asyncio.run(create())


def _is_whole(database: sqlite3.Connection) -> bool:
    """Return whether the database is made, or has something in it and is only older."""
    tables = {name for (name,) in database.execute("select name from sqlite_master")}
    if any(database.execute(f"select 1 from {name} limit 1").fetchone() for name in USED & tables):
        return True
    from alembic.script import ScriptDirectory

    scripts = Path(dependencies.__file__).parent / "_migrations"
    newest = ScriptDirectory(str(scripts), version_locations=[str(scripts / "versions/sqlite")])
    if "alembic_version" not in tables:
        return False
    made = {version for (version,) in database.execute("select version_num from alembic_version")}
    return made == set(newest.get_heads())
