"""The servers and the worker: command, environment and health check of each."""

from __future__ import annotations

import base64
import os
import secrets
import socket
import sys
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from ecgmodel.errors import EcgError
from ecgmodel.store import write_text
from ecgmodel.support import telemetry
from flows.service.settings import SETTINGS_FILE, ServiceSettings, is_loopback

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

PROJECT = Path(__file__).parents[2]
WORKER = "ecg-worker"


class ServiceError(EcgError, RuntimeError):
    """The service cannot be started, or does not answer."""


@dataclass(frozen=True)
class Server:
    """A process of the service.

    Attributes:
        name: Display name; also the name of its log.
        command: Command line.
        environment: Variables added to this process's.
        answers: Returns whether it works now.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    answers: Callable[[], bool]


def client_environment(settings: ServiceSettings) -> dict[str, str]:
    """Return the environment of clients of the servers: worker, flows, commands."""
    variables = {
        **telemetry.OFF,
        "PREFECT_API_URL": f"{settings.prefect_url}/api",
        "PREFECT_HOME": str(settings.root / "prefect"),
        "PREFECT_CLIENT_MAX_RETRIES": "8",  # about two minutes without the server
        "PREFECT_API_REQUEST_TIMEOUT": "60",
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "ECG_MLFLOW_URI": settings.mlflow_url,
        "ECG_STORE": str(settings.root / "store"),
        SETTINGS_FILE: str(settings.root / "settings.yaml"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    if settings.password:
        password = settings.password.get_secret_value()
        variables |= {
            "PREFECT_API_AUTH_STRING": f"{settings.username}:{password}",
            "MLFLOW_TRACKING_USERNAME": settings.username,
            "MLFLOW_TRACKING_PASSWORD": password,
        }
    return variables


def prefect_client(variables: Mapping[str, str], brief: bool = False) -> SyncPrefectClient:
    """Return a client of the Prefect server.

    Args:
        variables: Those of `client_environment`.
        brief: Give a server up that does not answer within 15 s, at once. The variables and this
            then hold for the whole process.
    """
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.context import refresh_global_settings_context

    if brief:
        soon = {"PREFECT_CLIENT_MAX_RETRIES": "0", "PREFECT_API_REQUEST_TIMEOUT": "15"}
        os.environ.update({**variables, **soon})
        refresh_global_settings_context()
    login = variables.get("PREFECT_API_AUTH_STRING")
    return SyncPrefectClient(variables["PREFECT_API_URL"], auth_string=login)


def prefect_server(settings: ServiceSettings) -> Server:
    """Return the Prefect server: API, UI, scheduler."""
    home = settings.root / "prefect"
    database = settings.prefect_database
    variables = {
        **telemetry.OFF,
        "PREFECT_HOME": str(home),
        "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
        "PREFECT_UI_API_URL": "/api",  # whatever host name the browser used
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": (
            database.replace("postgresql://", "postgresql+asyncpg://", 1)
            if database
            else f"sqlite+aiosqlite:///{home / 'prefect.db'}"
        ),
    }
    if settings.password:
        login = f"{settings.username}:{settings.password.get_secret_value()}"
        variables["PREFECT_SERVER_API_AUTH_STRING"] = login
    command = (
        *(sys.executable, "-m", "flows.service.prefect_server"),
        *("--host", settings.host, "--port", str(settings.prefect_port)),
    )
    url = f"{settings.prefect_url}/api/ready"
    return Server("prefect", command, variables, lambda: answers(url))


def mlflow_server(settings: ServiceSettings) -> Server:
    """Return the MLflow server: runs, registry, and artifacts served through it."""
    home = settings.root / "mlflow"
    database = settings.mlflow_database
    address = (
        database.replace("postgresql://", "postgresql+psycopg2://", 1)
        if database
        else f"sqlite:///{home / 'mlflow.db'}"
    )
    command = [
        *(sys.executable, "-m", "flows.service.mlflow_server", "--host", settings.host),
        *("--port", str(settings.mlflow_port), "--workers", "1"),
        *("--artifacts-destination", str(home / "artifacts")),
    ]
    variables = {
        **telemetry.OFF,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        # Not on the command line, which other users can read: the URL may contain a password.
        "MLFLOW_BACKEND_STORE_URI": address,
        **_welcome(settings),
    }
    headers = {}
    if settings.password:
        password = settings.password.get_secret_value()
        command += ["--app-name", "basic-auth"]
        variables |= {
            "MLFLOW_FLASK_SERVER_SECRET_KEY": _secret_key(home / "secret-key"),
            "MLFLOW_AUTH_CONFIG_PATH": str(_auth_file(settings, home)),
            "MLFLOW_AUTH_ADMIN_USERNAME": settings.username,
            "MLFLOW_AUTH_ADMIN_PASSWORD": password,
        }
        login = base64.b64encode(f"{settings.username}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {login}"
    url = f"{settings.mlflow_url}/health"
    return Server("mlflow", tuple(command), variables, lambda: answers(url, headers))


def _welcome(settings: ServiceSettings) -> dict[str, str]:
    """Return the hosts that MLflow accepts; by default it rejects requests from other machines."""
    if is_loopback(settings.host):
        return {}
    names = [*settings.names, "localhost", "127.0.0.1", socket.gethostname(), *_addresses(settings)]
    hosts = [f"{name}{port}" for name in dict.fromkeys(names) for port in ("", ":*")]
    origins = [f"{way}://{host}" for host in hosts for way in ("http", "https")]
    return {
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(hosts),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(origins),
    }


def _addresses(settings: ServiceSettings) -> list[str]:
    """Return the addresses on which it listens."""
    if settings.host not in ("0.0.0.0", "::"):
        return [settings.host]
    networks = psutil.net_if_addrs().values()
    return [one.address for network in networks for one in network if one.family == socket.AF_INET]


def worker(settings: ServiceSettings) -> Server:
    """Return the worker, which executes each run in a separate process."""
    command = (
        *(sys.executable, "-m", "prefect", "worker", "start", "--pool", settings.work_pool),
        *("--type", "process", "--limit", str(settings.runs_at_once), "--name", WORKER),
        "--install-policy=never",
    )
    variables = {**client_environment(settings), "PREFECT_WORKER_QUERY_SECONDS": "2"}
    return Server("worker", command, variables, lambda: True)


def answers(url: str, headers: Mapping[str, str] | None = None) -> bool:
    """Return whether a URL answers with success."""
    try:
        request = urllib.request.Request(url, headers=dict(headers or {}))
        with urllib.request.urlopen(request, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def check_ports(settings: ServiceSettings) -> None:
    """Raise an error if a port is taken.

    Raises:
        ServiceError: The port is taken; the message names its setting.
    """
    for name in ("prefect_port", "mlflow_port"):
        port = getattr(settings, name)
        with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((settings.host, port))
            except OSError as error:
                raise ServiceError(
                    f"Port {port} of {settings.host} cannot be used ({error.strerror}). Choose "
                    f"another one: --set service.{name}={port + 1}."
                ) from error


def _secret_key(file: Path) -> str:
    """Return the key that signs MLflow's sessions, created once."""
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, secrets.token_hex(32))
        file.chmod(0o600)
    return file.read_text()


def _auth_file(settings: ServiceSettings, home: Path) -> Path:
    """Write MLflow's login settings; the user database lies beside its own."""
    file = home / "auth.ini"
    home.mkdir(parents=True, exist_ok=True)
    lines = (
        "[mlflow]",
        "default_permission = READ",
        f"database_uri = sqlite:///{home / 'users.db'}",
        f"admin_username = {settings.username}",
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth",
    )
    write_text(file, "\n".join(lines) + "\n")
    return file
