"""A temporary Prefect server for one command, if no server is configured.

Prefect itself would start one only with the first flow, after importing the whole server into this
process. Started earlier, it comes up while this process imports its packages. It ends with this
process, even if that is killed, and not before: Ctrl-C and a SIGTERM to the whole process group
leave it running, because the flow has yet to report its own end.

Each server has a database of its own, copied from an empty one of this version of Prefect and
deleted in the end: two commands never wait for each other, and nothing grows or stays "Running".
A database that `PREFECT_SERVER_DATABASE_CONNECTION_URL` names is used instead.
"""

from __future__ import annotations

import _thread
import atexit
import gc
import http.client
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

from ecgmodel.errors import EcgError
from ecgmodel.support.databases import WAIT_S
from ecgmodel.support.disk import said_full
from ecgmodel.support.locks import LEASE_S, is_here, lease, locked

END_S = 10.0  # for what it has yet to write
FOLDER = "temporary"  # in Prefect's home
GONE_S = 10 * LEASE_S  # without a renewal; then the database of a server elsewhere is deleted
LONGEST = 300  # characters quoted of what it said
_ERROR = re.compile(r"[\w.]+(Error|Exception)\b")  # the last line of a traceback
_MARK = "ECG_TEMPORARY_PREFECT_SERVER"
_log = logging.getLogger("ecg")


class TemporaryServerError(EcgError, RuntimeError):
    """Prefect's temporary server cannot be started."""


def is_temporary() -> bool:
    """Return whether this process uses a temporary server, which has no UI."""
    return _MARK in os.environ


@dataclass(frozen=True)
class TemporaryServer:
    """A Prefect API for one command; all functions do nothing where a server is configured.

    Attributes:
        wait: Waits until the API answers; call it before the first flow.
        check: Raises `DiskFullError` if the server said that its disk is full.
    """

    wait: Callable[[], None] = lambda: None
    check: Callable[[], None] = lambda: None


def start_prefect_server() -> TemporaryServer:
    """Provide a Prefect API: the configured one, else that of a temporary server.

    Call it before Prefect is imported: Prefect sends its last events when this process exits, and
    the server has to live until then.
    """
    ending = ExitStack()
    atexit.register(ending.close)
    with warnings.catch_warnings():  # of a home that cannot be made, which is an error below
        warnings.filterwarnings("ignore", "Failed to create the Prefect home directory")
        from prefect.context import refresh_global_settings_context
        from prefect.settings import get_current_settings

        settings = get_current_settings()
    if settings.api.url:
        check_server(settings.api.url)
    if settings.api.url or not settings.server.ephemeral.enabled:
        return TemporaryServer()
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TemporaryServerError(
            f"The folder {settings.home} of Prefect's database cannot be made: {error.strerror}. "
            "Set PREFECT_HOME to a folder that you may write to."
        ) from error
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "flows.temporary_server", str(port)]
    environment = {**os.environ, **_environment()}
    with tempfile.TemporaryFile() as file:
        words = os.dup(file.fileno())  # read if the server ends while it starts
    ending.callback(os.close, words)
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=words, env=environment)
    ending.callback(_stop, server)
    os.environ.update({"PREFECT_API_URL": f"http://127.0.0.1:{port}/api", _MARK: "true"})
    refresh_global_settings_context()
    url = f"http://127.0.0.1:{port}/api/health"
    return TemporaryServer(
        lambda: _wait(server, url, words, settings.home), lambda: _check_disk(words, settings.home)
    )


def check_server(url: str) -> None:
    """Check that the server of an API is there; whatever it answers, Prefect will say.

    Raises:
        TemporaryServerError: Its address does not exist, or nothing listens there.
    """
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=5):
            return
    except urllib.error.URLError as error:
        reason = error.reason
        if isinstance(reason, ConnectionRefusedError | socket.gaierror):
            raise TemporaryServerError(
                f"Prefect's server at {hidden(url)} (PREFECT_API_URL) cannot be reached: "
                f"{reason.strerror}. Start it, e.g. with ecg-denoise up, or unset PREFECT_API_URL "
                "to use a temporary server."
            ) from error
    except (OSError, ValueError, http.client.HTTPException):
        return


def hidden(url: str) -> str:
    """Return an address without a user's name and password."""
    return re.sub(r"//[^/@]*@", "//", url)


def _stop(server: subprocess.Popen[bytes]) -> None:
    assert server.stdin
    server.stdin.close()
    server.wait()


def _environment() -> dict[str, str]:
    """Return the environment of a temporary server: no UI, no scheduler."""
    path = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {
        "PREFECT_UI_ENABLED": "0",
        "PREFECT_LOGGING_SERVER_LEVEL": "ERROR",  # quoted where it cannot start
        "PREFECT__SERVER_EPHEMERAL": "1",
        "PREFECT__SERVER_FINAL": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
    }


def _wait(server: subprocess.Popen[bytes], url: str, words: int, home: Path) -> None:
    """Wait for a server that starts, as long as it lives: a busy machine takes minutes.

    If it waits itself, for a lock, what it says of that is logged.

    Raises:
        TemporaryServerError: It ended; what it said is part of the message.
    """
    told = 0
    while server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.05)
        waits = [line for line in _said(words).splitlines() if line.startswith("Waiting for ")]
        for line in waits[told:]:
            _log.warning("%s", line)
        told = len(waits)
    _check_disk(words, home)
    lines = _said(words).splitlines()
    errors = [line for line in lines if _ERROR.match(line)]
    last = (errors or [f"status {server.returncode}"])[-1]
    raise TemporaryServerError(
        f"Prefect's temporary server ended while it started ({last[:LONGEST]}). Its database is in "
        f"{home} (PREFECT_HOME), unless PREFECT_SERVER_DATABASE_CONNECTION_URL names another. Run "
        "the same command again, or set PREFECT_API_URL to the API of a server of your own."
    )


def _said(words: int) -> str:
    return os.pread(words, os.fstat(words).st_size, 0).decode("utf-8", "replace")


def _check_disk(words: int, home: Path) -> None:
    """Raise an error if the server said that the disk of its database is full.

    Raises:
        DiskFullError: It did.
    """
    if full := said_full(RuntimeError(_said(words)), home / FOLDER):
        raise full


def _serve(port: int) -> None:
    """Serve Prefect's API until standard input closes; SIGINT and SIGTERM do not stop it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})  # threads inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background
    database, started = ExitStack(), False
    threading.Thread(target=_end_with_parent, args=(database,), daemon=True).start()
    gc.disable()  # modules stay: collecting garbage among them takes a fifth of the start
    try:
        import_module("prefect.server.api.server")
        database.enter_context(own_database())
        gc.freeze()
        gc.enable()
        import uvicorn

        application = "prefect.server.api.server:create_app"
        local: dict[str, Any] = {"host": "127.0.0.1", "port": port, "log_level": "error"}
        server = uvicorn.Server(uvicorn.Config(application, factory=True, lifespan="on", **local))
        server.run()
        started = server.started
    except Exception:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        database.close()
        os._exit(0 if started else 1)  # the thread that reads standard input never ends


def _end_with_parent(database: ExitStack) -> None:
    """Interrupt the server, or the wait for its database, when standard input closes."""
    os.read(sys.stdin.fileno(), 1)
    _thread.interrupt_main()
    time.sleep(END_S)
    database.close()
    os._exit(0)


@contextmanager
def own_database() -> Iterator[None]:
    """Provide a database for this server alone, and delete those of servers that were killed."""
    import prefect
    from prefect.settings import (
        PREFECT_SERVER_DATABASE_MIGRATE_ON_START,
        get_current_settings,
        temporary_settings,
    )

    from flows.prefect_database import make_empty, use_made

    settings = get_current_settings()
    if "connection_url" in settings.server.database.model_fields_set:
        yield
        return
    folder = settings.home.absolute() / FOLDER
    empty = folder / f"empty-{prefect.__version__}.db"
    make_empty(empty)
    own = folder / uuid4().hex
    lock = lease(own.with_suffix(".lease"))
    try:
        with locked(folder / "gate.lease", str(folder), WAIT_S):
            lock.acquire()
            _delete_left(folder, Path(lock.lock_file).stat().st_mtime)
            own.mkdir()
        shutil.copyfile(empty, own / "prefect.db")
        use_made(own / "prefect.db")
        with temporary_settings({PREFECT_SERVER_DATABASE_MIGRATE_ON_START: False}):
            yield
    finally:
        shutil.rmtree(own, ignore_errors=True)
        lock.release()


def _delete_left(folder: Path, now: float) -> None:
    """Delete the databases of killed servers.

    Args:
        folder: The databases' folder.
        now: The time by the clock of its file system, which also times the renewals of leases.
    """
    from filelock import Timeout

    for path in folder.glob(f"{'[0-9a-f]' * 32}.lease"):
        other = lease(path)
        with suppress(Timeout, OSError):
            if now - path.stat().st_mtime > GONE_S and not is_here(other):
                other.force_break()
            with other.acquire(timeout=0):
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
