"""A temporary Prefect server for one command, if no server is configured.

Prefect itself would start one only with the first flow, after importing the whole server into this
process. Started earlier, it comes up while this process imports its packages. It ends with this
process, even if that is killed, and not before: Ctrl-C and a SIGTERM to the whole process group
leave it running, because the flow has yet to report its own end.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

END_S = 10.0  # for what it has yet to write
_MARK = "ECG_TEMPORARY_PREFECT_SERVER"


def is_temporary() -> bool:
    """Return whether this process uses a temporary server, which has no UI."""
    return _MARK in os.environ


def start_prefect_server() -> Callable[[], None]:
    """Provide a Prefect API: the configured one, else that of a temporary server.

    Call it before Prefect is imported: Prefect sends its last events when this process exits, and
    the server has to live until then.

    Returns:
        A function that waits until the API answers; call it before the first flow.
    """
    started: list[subprocess.Popen[bytes]] = []
    atexit.register(_stop, started)
    from prefect.context import refresh_global_settings_context
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    if settings.api.url is not None or not settings.server.ephemeral.enabled:
        return lambda: None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "flows.temporary_server", str(port)]
    environment = {**os.environ, **_environment()}
    server = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
    started.append(server)
    os.environ.update({"PREFECT_API_URL": f"http://127.0.0.1:{port}/api", _MARK: "true"})
    refresh_global_settings_context()
    timeout_s = settings.server.ephemeral.startup_timeout_seconds
    return lambda: _wait(server, f"http://127.0.0.1:{port}/api/health", timeout_s)


def _stop(started: list[subprocess.Popen[bytes]]) -> None:
    for server in started:
        assert server.stdin
        server.stdin.close()
        server.wait()


def _environment() -> dict[str, str]:
    """Return the environment of a temporary server: no UI, no scheduler."""
    path = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {
        "PREFECT_UI_ENABLED": "0",
        "PREFECT__SERVER_EPHEMERAL": "1",
        "PREFECT__SERVER_FINAL": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
    }


def _wait(server: subprocess.Popen[bytes], url: str, timeout_s: float) -> None:
    end = time.monotonic() + timeout_s
    while server.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(
        f"Prefect's temporary server did not answer within {timeout_s:g} s at {url}. Start one "
        "with `prefect server start` and run `prefect config set PREFECT_API_URL=...`."
    )


def _serve(port: int) -> None:
    """Serve Prefect's API until standard input closes; SIGINT and SIGTERM do not stop it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})  # threads inherit it
    gc.disable()  # modules stay: collecting garbage among them takes a fifth of the start
    import_module("prefect.server.api.server")
    gc.freeze()
    gc.enable()
    import uvicorn

    application = "prefect.server.api.server:create_app"
    local: dict[str, Any] = {"host": "127.0.0.1", "port": port, "log_level": "error"}
    server = uvicorn.Server(uvicorn.Config(application, factory=True, lifespan="on", **local))

    def end_with_parent() -> None:
        sys.stdin.buffer.read()
        server.should_exit = True
        time.sleep(END_S)
        os._exit(0)

    threading.Thread(target=end_with_parent, daemon=True).start()
    server.run()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
