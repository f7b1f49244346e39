"""Prefect's server with immediate transactions on SQLite.

SQLite fails at once ("database is locked") when a transaction that began with a read wants to
write after another one has written. Most of Prefect's transactions begin with a read. With BEGIN
IMMEDIATE each transaction waits for the write lock instead.

    python -m flows.service.prefect_server --host 127.0.0.1 --port 4200
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn
from prefect.server.database import dependencies
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.settings import get_current_settings
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction


class WaitingSqlite(AioSqliteConfiguration):
    """SQLite with transactions that wait for each other."""

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        """Begin a transaction with the write lock."""
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4200)
    chosen = parser.parse_args()
    address = get_current_settings().server.database.connection_url
    text = address.get_secret_value() if address is not None else ""
    if text.startswith("sqlite"):
        dependencies.MODELS_DEPENDENCIES["database_config"] = WaitingSqlite(connection_url=text)
    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host=chosen.host,
        port=chosen.port,
        log_level="warning",
        timeout_keep_alive=5,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
