"""The service's process: it listens, and stops when it is told to."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass

import uvicorn

from ecgmodel.errors import ModelError
from ecgmodel.web.app import make_app
from ecgmodel.web.connections import AT_ONCE, HEAD_S, Connection, WebServer, allow_files
from ecgmodel.web.refusing import Refused
from ecgmodel.web.service import Service
from ecgmodel.web.settings import Limits

END_S = 5


@dataclass(frozen=True)
class Address:
    """Where it listens, and under which names.

    Attributes:
        host: Name or address of the interface.
        port: 0 for any that is free.
        names: Host names under which it may be asked.
        token: What a client has to know; "" for none.
    """

    host: str
    port: int
    names: tuple[str, ...] = ()
    token: str = ""


def serve(
    address: Address, model: str, label: str, limits: Limits, ready: Callable[[int], None]
) -> None:
    """Listen until a signal says stop.

    Args:
        address: Where.
        model: The network: an .onnx file, or the name of a shipped one.
        label: How it is named; "" for its own name.
        limits: What a request may cost.
        ready: Is told the port as soon as the service answers.

    Raises:
        ModelError: The network cannot be loaded.
        OSError: The port is taken.
    """
    allow_files()
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.create_server((address.host, address.port), family=family) as listening:
        for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn hears them first, then ends
            signal.signal(number, lambda *_: None)
        asyncio.run(_serve(address, listening, Service(model, label, limits), ready))


async def _serve(
    address: Address, listening: socket.socket, service: Service, ready: Callable[[int], None]
) -> None:
    try:
        await service.start()
    except Refused as error:
        raise ModelError(error.message) from error
    try:
        app = make_app(service, address.names, address.token)
        config = uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            http=Connection,
            backlog=AT_ONCE,
            timeout_keep_alive=HEAD_S,
            timeout_graceful_shutdown=END_S,
        )
        ready(listening.getsockname()[1])
        await WebServer(config).serve(sockets=[listening])
    finally:
        await service.stop()
