"""Who may ask: this machine by its own name, or who has the token; no page of another server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from ecgmodel.web.guard import SECURITY
from tests.ecgmodel.web.running import ROOT, Web, web

SENT = {"signal": [0.1, 0.2], "fs": 360}


@pytest.fixture(scope="module")
def open_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A service that others can reach."""
    with web(tmp_path_factory.mktemp("open"), "--host", "0.0.0.0", "--name", "ecg.lab") as running:
        yield running


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "[", ""]
)
def test_a_foreign_name_is_refused(client: httpx.Client, host: str) -> None:
    answer = client.get("/health", headers={"Host": host})
    assert answer.status_code == 400
    assert "is not called" in answer.json()["error"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8460", "[::1]:8460"])
def test_its_own_names_are_taken(client: httpx.Client, host: str) -> None:
    assert client.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1"])
def test_a_page_of_another_server_is_refused(client: httpx.Client, origin: str) -> None:
    answer = client.post("/denoise", json=SENT, headers={"Origin": origin})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_its_own_page_is_not(client: httpx.Client) -> None:
    own = {"Origin": str(client.base_url).rstrip("/")}
    assert client.post("/denoise", json=SENT, headers=own).status_code == 200


@pytest.mark.parametrize("path", ["/", "/health", "/page/main.js", "/nothing", "/denoise"])
def test_every_answer_is_fenced_in(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert {name: headers.get(name) for name in SECURITY} == SECURITY
    assert "http" not in SECURITY["Content-Security-Policy"]
    assert "server" not in headers


def test_others_need_the_token(open_one: Web) -> None:
    assert len(open_one.token) >= 32
    with httpx.Client(base_url=open_one.url) as nobody:
        for path in ("/metrics", "/openapi.json", "/example.zip"):
            assert nobody.get(path).status_code == 401
        refused = nobody.post("/denoise", json=SENT)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == "Bearer"
        for wrong in ("Bearer", "Bearer x", f"Basic {open_one.token}", f"Bearer {open_one.token}x"):
            headers = {"Authorization": wrong}
            assert nobody.post("/denoise", json=SENT, headers=headers).status_code == 401
        assert nobody.get("/health").status_code == 200
        assert nobody.get("/").status_code == 200
    with open_one.client() as known:
        assert known.post("/denoise", json=SENT).status_code == 200
        assert known.get("/health", headers={"Host": "ecg.lab"}).status_code == 200


def test_the_token_is_asked_for_before_the_body_is_read(open_one: Web) -> None:
    def body() -> Iterator[bytes]:
        yield b"{"
        raise AssertionError("the body was read to its end")

    headers = {"Content-Type": "application/json", "Expect": "100-continue"}
    with httpx.Client(base_url=open_one.url) as nobody, pytest.raises(AssertionError):
        nobody.post("/denoise", content=body(), headers=headers)
    with open_one.client() as known:
        assert known.get("/health").json()["here"] == 0


def test_what_cannot_start_says_why() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for options, says in (
        (["--model", "nothing"], "There is no network 'nothing'"),
        (["--max-leads", "0"], "--max-leads"),
        (["--port", "1", "--host", "203.0.113.1"], "Cannot assign"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "ecgmodel.cli.main", "web", "--port", "0", *options],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode in (1, 2)
        assert says in done.stderr
        assert "Traceback" not in done.stderr
