"""Whoever opens connections and asks nothing keeps nobody from being answered."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from ecgmodel.web import connections
from ecgmodel.web.connections import HEAD_S
from tests.ecgmodel.web.running import Web, awaited, web

HALF = b"POST /denoise HTTP/1.1\r\nHost: localhost\r\n"
WHOLE = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A service that may open few files."""
    with web(tmp_path_factory.mktemp("narrow")) as running:
        resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (256, 256))
        yield running


def connect(running: Web) -> socket.socket:
    host, _, port = running.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=3 * HEAD_S)


def test_no_connection_stays_that_asks_nothing(narrow: Web) -> None:
    with ExitStack() as stack:
        silent, half, kept, dripping = (stack.enter_context(connect(narrow)) for _ in range(4))
        half.sendall(HALF)
        kept.sendall(WHOLE)
        answer = b""
        while not answer.endswith(b"}}"):
            answer += kept.recv(65536)
        kept.sendall(HALF)
        dripping.sendall(HALF)
        begun = time.monotonic()
        for number in range(HEAD_S - 1):
            dripping.sendall(f"X-{number}: 1\r\n".encode())
            time.sleep(1)
        for connection in (silent, half, kept, dripping):
            assert connection.recv(65536) == b""
        assert HEAD_S - 1 < time.monotonic() - begun < 2 * HEAD_S


def test_an_answer_comes_whatever_others_hold_open(narrow: Web) -> None:
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(connect(narrow)).sendall(HALF)
        for _ in range(3):
            assert httpx.get(f"{narrow.url}/health", timeout=HEAD_S / 2).status_code == 200


def test_a_connection_that_is_answered_is_not_closed_for_others(narrow: Web) -> None:
    with connect(narrow) as busy, ExitStack() as stack:
        busy.sendall(HALF + b"Content-Type: text/csv\r\nContent-Length: 9\r\n\r\nI (mV)\n")
        for _ in range(256):
            stack.enter_context(connect(narrow))
        busy.sendall(b"1\n")
        assert busy.recv(65536).startswith(b"HTTP/1.1 422")


@pytest.mark.parametrize(("patience", "comes"), [(0.5, False), (60.0, True)])
def test_who_reads_nothing_of_an_answer_gets_no_more_of_it(
    patience: float, comes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SEND_S", patience)
    pieces, size = 300, 100_000

    async def answer(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for left in reversed(range(pieces)):
            await send({"type": "http.response.body", "body": b"0" * size, "more_body": left > 0})

    async def got() -> int:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            config = uvicorn.Config(answer, http=connections.Connection, lifespan="off")
            server = connections.WebServer(config)
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            writer.write(WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            await asyncio.sleep(1.5)
            count = 0
            with suppress(ConnectionError):
                while piece := await reader.read(size):
                    count += len(piece)
            writer.close()
            server.should_exit = True
            await serving
            return count

    assert (awaited(asyncio.wait_for(got(), 30)) > pieces * size) == comes


def test_of_many_at_once_each_gets_a_result_or_is_told_to_come_again(tmp_path: Path) -> None:
    """Also where a recording is larger than what is read before it is refused."""
    body = json.dumps({"fs": 360, "signal": [0.123456] * 40_000}).encode()
    head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    async def ask(host: str, port: int) -> bytes:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(HALF + b"Connection: close\r\n" + head + body)
        answer = await reader.read()
        writer.close()
        return answer

    async def ask_all(count: int, host: str, port: int) -> list[bytes | BaseException]:
        asked = (ask(host, port) for _ in range(count))
        return await asyncio.gather(*asked, return_exceptions=True)

    with web(tmp_path) as running:
        host, _, port = running.url.removeprefix("http://").partition(":")
        answers = awaited(ask_all(200, host, int(port)))
    said = Counter(a[9:12] if isinstance(a, bytes) else repr(a).encode() for a in answers)
    assert set(said) <= {b"200", b"503"}, said
    assert said[b"200"] >= 1
    refused = [a for a in answers if isinstance(a, bytes) and a[9:12] == b"503"]
    assert all(b"retry-after: 5" in answer.lower() for answer in refused)
