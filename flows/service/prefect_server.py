"""Prefect's server; an SQLite database is made whole, and its transactions wait for each other.

python -m flows.service.prefect_server --host 127.0.0.1 --port 4200
"""

from __future__ import annotations

import argparse
from pathlib import Path

import uvicorn
from prefect.settings import get_current_settings

from flows.prefect_database import PREFIX, use_database


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4200)
    chosen = parser.parse_args()
    address = get_current_settings().server.database.connection_url
    text = address.get_secret_value() if address is not None else ""
    if text.startswith(PREFIX):
        use_database(Path(text.removeprefix(PREFIX)))
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
