"""Prefect's server as it is, but for how it begins transactions on SQLite.

SQLite refuses at once ("database is locked") when a transaction that has begun by reading wants to
write after another one wrote. Prefect begins most of its transactions so. Here each one asks for
the right to write when it begins, and waits for its turn.

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
    """SQLite whose transactions wait for each other instead of failing."""

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        """Begin a transaction that may write."""
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


def main() -> None:
    """Serve until told to stop."""
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
