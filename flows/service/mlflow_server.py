"""MLflow's server, whose SQLite databases are made whole before it starts.

python -m flows.service.mlflow_server ARGUMENTS OF `mlflow server`
"""

from __future__ import annotations

import configparser
import os
import sys
from pathlib import Path

from tasks.tracking.database import make_database, make_users

PREFIX = "sqlite:///"


def main() -> None:
    """Make the databases that the environment names, then become the server."""
    address = os.environ["MLFLOW_BACKEND_STORE_URI"]
    if address.startswith(PREFIX):
        make_database(Path(address.removeprefix(PREFIX)), "mlflow-artifacts:/")
    if file := os.environ.get("MLFLOW_AUTH_CONFIG_PATH"):
        read = configparser.ConfigParser()
        read.read(file)
        users = read["mlflow"]["database_uri"]
        if users.startswith(PREFIX):
            make_users(Path(users.removeprefix(PREFIX)))
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", "server", *sys.argv[1:]])


if __name__ == "__main__":
    main()
