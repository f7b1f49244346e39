"""Whoever opens connections and asks nothing keeps nobody from being answered."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from flows.web.connections import HEAD_S, MOST
from tests.flows.web.running import Web, web

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
        for _ in range(2 * MOST):
            stack.enter_context(connect(narrow))
        busy.sendall(b"1\n")
        assert busy.recv(65536).startswith(b"HTTP/1.1 422")
