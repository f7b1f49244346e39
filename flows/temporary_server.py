"""A Prefect server of the command's own, where none is configured.

Prefect would start one by itself, but only when the first flow begins, and after it has imported
the whole server into this process too. Started first, it comes up beside this process's imports.
It ends with this process, however that ends.
"""

from __future__ import annotations

import atexit
import gc
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

_MARK = "ECG_TEMPORARY_PREFECT_SERVER"


def is_temporary() -> bool:
    """Return whether this process talks to a server that ends with it and has no pages."""
    return _MARK in os.environ


def start_prefect_server() -> Callable[[], None]:
    """See that there is a Prefect API: the configured one, else a temporary one.

    Call it before anything imports Prefect, whose last events are sent at this process's end: the
    server has to end after that.

    Returns:
        What waits until the API answers; to be called before the first flow.
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
        server.terminate()
        server.wait()


def _environment() -> dict[str, str]:
    """Return what makes a server a temporary one: no pages, no scheduler."""
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
        "with `prefect server start` and name it: `prefect config set PREFECT_API_URL=...`."
    )


def _serve(port: int) -> None:
    """Serve Prefect's API until this process's standard input closes."""
    gc.disable()  # what is imported stays: looking for garbage in it takes a fifth of the start
    import_module("prefect.server.api.server")
    gc.freeze()
    gc.enable()
    import uvicorn

    def end_with_parent() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=end_with_parent, daemon=True).start()
    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host="127.0.0.1",
        port=port,
        log_level="error",
        lifespan="on",
    )


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
