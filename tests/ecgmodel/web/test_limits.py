"""No request gets more than it may: bytes, samples, seconds, places; and nothing of it stays."""

from __future__ import annotations

import io
import signal
import socket
import stat
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import numpy as np
import pytest

from ecgmodel.web.refusing import Refused
from ecgmodel.web.settings import Limits, Options
from ecgmodel.web.work import _check_json
from tests.ecgmodel.web.running import Web, web

ZIP = {"Content-Type": "application/zip"}
NOISE = np.random.default_rng(0).normal(size=1_500_000).astype(np.float32)
SLOW: dict[str, str | int] = {"fs": 51, "unit": "mV", "name": "x.npy"}  # 8 h of ECG


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    limits = {"mb": 13, "seconds": 3, "samples": 1_600_000, "leads": 2, "waiting": 0}
    options = [f"--max-{name}={value}" for name, value in limits.items()]
    with web(tmp_path_factory.mktemp("small"), *options) as running:
        yield running


@pytest.fixture
def client(small: Web) -> Iterator[httpx.Client]:
    with small.client() as client:
        yield client
    until(lambda: not small.left())


def until(is_so: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def raw(running: Web, request: str) -> tuple[socket.socket, Callable[[], str]]:
    """Send the beginning of a request; return the connection and what reads the answer."""
    host, _, port = running.url.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    connection.sendall(request.replace("\n", "\r\n").replace("HOST", f"{host}:{port}").encode())
    return connection, lambda: connection.recv(65536).decode()


def archive(*entries: tuple[zipfile.ZipInfo | str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in entries:
            opened.writestr(name, content)
    return buffer.getvalue()


def npy(signal: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, signal)
    return buffer.getvalue()


def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes(small: Web) -> None:
    connection, answer = raw(
        small,
        "POST /denoise HTTP/1.1\nHost: HOST\nContent-Type: text/csv\nContent-Length: 14000000\n\n",
    )
    with connection:
        assert answer().startswith("HTTP/1.1 413")


def test_a_body_that_grows_too_large_is_refused(client: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            yield b"0" * 100_000

    headers = {"Content-Type": "text/csv"}
    try:
        answer = client.post("/denoise", content=endless(), headers=headers)
    except httpx.HTTPError:  # the connection was closed before all was sent
        return
    assert answer.status_code == 413


def test_too_many_leads_or_samples_are_refused(client: httpx.Client) -> None:
    three = client.post("/denoise", json={"signal": [[1, 2, 3]], "fs": 360})
    assert three.status_code == 413
    assert "at most 2 leads" in three.json()["error"]
    body = npy(np.random.default_rng(0).normal(0, 0.1, 1_600_001).astype(np.float32))
    options = {"fs": 360, "unit": "mV", "name": "x.npy"}
    many = client.post("/denoise", content=body, params=options)
    assert many.status_code == 413
    assert "1,600,001" in many.json()["error"]


def test_what_takes_too_long_is_ended_and_the_next_one_is_cleaned(client: httpx.Client) -> None:
    slow = client.post("/denoise", content=npy(NOISE), params=SLOW)
    assert slow.status_code == 504, slow.text
    assert "3 s" in slow.json()["error"]
    quick = client.post("/denoise", json={"signal": [0.1, 0.2], "fs": 360})
    assert quick.status_code == 200, quick.text


def test_there_are_only_so_many_places(small: Web, client: httpx.Client) -> None:
    body = npy(NOISE)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(client.post, "/denoise", content=body, params=SLOW)
        until(lambda: [f.stat().st_size for f in small.left()] == [len(body)])
        busy = client.post("/denoise", json={"signal": [1], "fs": 360})
        assert busy.status_code == 503
        assert "in the queue" in busy.json()["error"]
        assert int(busy.headers["Retry-After"]) > 0
        assert slow.result().status_code == 504
    assert client.post("/denoise", json={"signal": [1], "fs": 360}).status_code == 200


def test_a_body_that_does_not_come_keeps_nobody_waiting(small: Web, client: httpx.Client) -> None:
    begun = "POST /denoise HTTP/1.1\nHost: HOST\nContent-Type: text/csv\nContent-Length: 1000\n\n1"
    most = Limits().transfers
    with ExitStack() as stack:
        answers = []
        for number in range(most):
            connection, answer = raw(small, begun)
            stack.enter_context(connection)
            answers.append(answer)
            until(lambda there=number + 1: client.get("/health").json()["here"] == there)
            if number == 1:
                one = client.post("/denoise", json={"signal": [1], "fs": 360})
                assert one.status_code == 200, one.text
        busy = client.post("/denoise", json={"signal": [1], "fs": 360})
        assert busy.status_code == 503
        assert f"{most} uploads and downloads are in progress" in busy.json()["error"]
        assert all(answer().startswith("HTTP/1.1 408") for answer in answers)
        until(lambda: client.get("/health").json()["here"] == 0)
        assert client.post("/denoise", json={"signal": [1], "fs": 360}).status_code == 200


def test_a_zip_bomb_is_refused(client: httpx.Client) -> None:
    bomb = archive(("x.csv", b"0\n" * 14_000_000))
    assert len(bomb) < 100_000
    answer = client.post("/denoise", content=bomb, headers=ZIP)
    assert answer.status_code == 413
    many = archive(*((f"{n}.csv", b"0") for n in range(100)))
    assert client.post("/denoise", content=many, headers=ZIP).status_code == 413


def linked() -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo("x.csv")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    "content",
    [
        archive(("../x.csv", b"1")),
        archive(("/tmp/x.csv", b"1")),
        archive(("a/../../x.csv", b"1")),
        archive(("a\\..\\x.csv", b"1")),
        archive((linked(), b"/etc/passwd")),
        archive((".", b"1")),
        archive(("x.csv", b"1"), ("x.csv/y", b"1")),
        archive(("x.csv", b"1" * 1000))[:-30],
        b"PK\x03\x04" + b"\0" * 100,
        b"no zip",
    ],
    ids=range(10),  # the archives hold the time
)
def test_an_archive_that_is_damaged_or_leads_elsewhere_is_refused(
    client: httpx.Client, content: bytes
) -> None:
    answer = client.post("/denoise", content=content, headers=ZIP)
    assert answer.status_code == 400, answer.text
    assert str(answer.json()["error"])


@pytest.mark.parametrize(
    "names", [("x.csv", "x.csv"), ("a", "a/x.csv"), ("a/x.csv", "a"), ("a/./x.csv", "a/x.csv")]
)
def test_an_archive_with_a_name_twice_says_which(
    small: Web, client: httpx.Client, names: tuple[str, ...]
) -> None:
    content = archive(*((name, b"1") for name in names))
    said = client.post("/denoise", content=content, headers=ZIP)
    assert said.status_code == 400
    assert f"{names[-1]!r} twice" in said.json()["error"]
    assert str(small.temporary) not in said.text


@pytest.mark.parametrize("name", ["../x.csv", "/etc/x.csv", ".x.csv", "a/b.csv", "a\x00.csv", ""])
def test_a_name_that_leads_elsewhere_is_refused(client: httpx.Client, name: str) -> None:
    assert client.post("/denoise", content="1", params={"name": name}).status_code == 400


def test_a_header_that_names_other_files_reads_none(client: httpx.Client) -> None:
    header = b"x 1 360 10\n../../../../../../../../etc/passwd 16 200 16 0 0 0 0 I\n"
    answer = client.post("/denoise", files=[("file", ("x.hea", header))])
    assert answer.status_code == 422
    assert "root:" not in answer.text


def test_nothing_stays_when_it_is_stopped_or_killed(tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        with web(tmp_path / number.name) as running:
            with running.client() as client:
                assert client.post("/denoise", json={"signal": [1], "fs": 360}).status_code == 200
            assert list(running.temporary.iterdir())
            running.process.send_signal(number)
            code = running.process.wait(30)
            assert code == (-number if number == signal.SIGKILL else 0)
            until(lambda: not list(running.temporary.glob("ecg-denoise-web-*")))


def test_json_has_a_limit_of_its_own_however_it_comes() -> None:
    limits = Limits(json_megabytes=3)
    _check_json(Options(), 3_000_000, limits)
    with pytest.raises(Refused, match=r"JSON of at most 3 MB\. Send it as NumPy"):
        _check_json(Options(), 3_000_001, limits)
