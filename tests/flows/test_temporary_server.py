"""What a command says whose temporary Prefect server cannot start: whose fault, and where."""

from __future__ import annotations

import http.server
import logging
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from contextlib import closing
from pathlib import Path

import httpx
import prefect
import pytest
from prefect.server.database import dependencies
from prefect.settings import (
    PREFECT_HOME,
    PREFECT_SERVER_DATABASE_CONNECTION_URL,
    temporary_settings,
)

from ecgmodel.store.versions import ROOT
from ecgmodel.support.locks import lease
from ecgmodel.support.proxies import spare_loopback
from flows.temporary_server import FOLDER, GONE_S, _environment, _wait, own_database
from tests.flows.service.running import free_ports

LEAVES_A_LEASE = """
import os, sys
from pathlib import Path
from ecgmodel.support.locks import lease
held = lease(Path(sys.argv[1]))
held.acquire()
os.kill(os.getpid(), 9)
"""
SERVES_AND_TELLS_AT_ONCE = """
from ecgmodel.support import locks
from flows.temporary_server import _serve
locks._TOLD_S = 0.1
_serve(0)
"""
WAITS_AND_THEN_SERVES = """
import http.server, sys, time
print("Waiting for a database, in use by process 3 on there.", file=sys.stderr)
print("This is of no interest.", file=sys.stderr)
time.sleep(0.5)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).handle_request()
"""


def start(folder: Path, home: Path, **variables: str) -> subprocess.Popen[str]:
    """Start `ecg-denoise prepare` with a Prefect home, and no server of anybody else's."""
    inherited = {n: v for n, v in os.environ.items() if not n.startswith("PREFECT")}
    few = ("source.simulated.subjects=4", "source.simulated.minutes=0.5", f"store={folder / 's'}")
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "ecgmodel.cli.main",
            "prepare",
            *(x for s in few for x in ("--set", s)),
        ],
        env={**inherited, "PREFECT_HOME": str(home), **variables},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def prepare(folder: Path, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `ecg-denoise prepare` to its end."""
    process = start(folder, home, **variables)
    out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def left(home: Path) -> list[str]:
    """Return what is in the folder of the temporary servers' databases."""
    return sorted(path.name for path in (home / FOLDER).iterdir())


def test_what_the_server_waits_for_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (port,) = free_ports(1)
    with (tmp_path / "words").open("w+b") as words:
        command = [sys.executable, "-c", WAITS_AND_THEN_SERVES, str(port)]
        server = subprocess.Popen(command, stderr=words)
        with caplog.at_level(logging.WARNING):
            _wait(server, f"http://127.0.0.1:{port}", words.fileno(), tmp_path)
        server.wait()
    assert caplog.messages == ["Waiting for a database, in use by process 3 on there."]


def test_a_server_that_waits_says_so_and_ends_with_its_command(tmp_path: Path) -> None:
    inherited = {n: v for n, v in os.environ.items() if not n.startswith("PREFECT")}
    environment = {**inherited, **_environment(), "PREFECT_HOME": str(tmp_path)}
    empty = tmp_path / FOLDER / f"empty-{prefect.__version__}.db"
    pipe = subprocess.PIPE
    with lease(empty.with_name(f"{empty.name}.lease")):
        command = [sys.executable, "-c", SERVES_AND_TELLS_AT_ONCE]
        server = subprocess.Popen(command, env=environment, stdin=pipe, stderr=pipe)
        try:
            assert server.stderr
            said = server.stderr.readline().decode()
            assert said.startswith(f"Waiting for {empty}, in use by process {os.getpid()} on ")
            server.communicate(timeout=60)  # closes its standard input
        finally:
            server.kill()
    assert left(tmp_path) == []


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = prepare(tmp_path, tmp_path / "file" / "home")
    assert done.returncode == 1
    assert f"The folder {tmp_path / 'file' / 'home'} of Prefect's database cannot" in done.stderr
    assert "Set PREFECT_HOME" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_home_of_no_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    home = str(tmp_path / "file" / "me")
    done = prepare(tmp_path, tmp_path, HOME=home, PREFECT_HOME=f"{home}/.prefect")
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("Error: The folder ")
    assert line.endswith("Set PREFECT_HOME to a folder that you may write to.")


@pytest.mark.parametrize("host", ["127.0.0.1", "user:secret@127.0.0.1"])
def test_a_server_that_is_gone_is_one_line_at_once(tmp_path: Path, host: str) -> None:
    (port,) = free_ports(1)
    done = prepare(tmp_path, tmp_path, PREFECT_API_URL=f"http://{host}:{port}/api")
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert f"http://127.0.0.1:{port}/api (PREFECT_API_URL) cannot be reached" in line
    assert "unset PREFECT_API_URL" in line


@pytest.mark.parametrize("no_proxy", [None, "example.org", "*"])
def test_a_proxy_is_not_asked_for_this_machine(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str | None
) -> None:
    for name in ("NO_PROXY", "no_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    spare_loopback()
    assert "NO_PROXY" not in os.environ
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, no_proxy or "")
    spare_loopback()
    spare_loopback()
    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        assert httpx.get(url).text == "here"
        with urllib.request.urlopen(url) as answer:
            assert answer.read() == b"here"
        server.shutdown()
    stated = os.environ["NO_PROXY"].split(",")
    assert len(stated) == len(set(stated))
    assert no_proxy is None or no_proxy in stated


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers each request with a word."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"here")

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def test_a_command_works_behind_a_proxy(tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:9"
    done = prepare(tmp_path, tmp_path / "home", HTTP_PROXY=nobody, http_proxy=nobody)
    assert done.returncode == 0, done.stderr


def test_a_server_that_ends_while_it_starts_says_why_at_once(tmp_path: Path) -> None:
    bad = tmp_path / "bad.db"
    bad.write_bytes(b"This is no database. " * 100)
    address = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{bad}"}
    done = prepare(tmp_path, tmp_path / "deep" / "home", **address)
    assert done.returncode == 1
    said = done.stderr.strip().splitlines()
    assert "ended while it started (" in said[-1]
    assert "file is not a database" in said[-1]
    assert "PREFECT_SERVER_DATABASE_CONNECTION_URL names another" in said[-1]
    assert "Traceback" not in done.stderr


def test_two_commands_at_once_in_a_new_home_both_end_and_leave_an_empty_database(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    homes = {"a": home, "b": Path(os.path.relpath(home))}
    both = [start(tmp_path / name, homes[name]) for name in homes]
    for process in both:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
    empty = f"empty-{prefect.__version__}.db"
    assert left(home) == [empty]
    with closing(sqlite3.connect(home / FOLDER / empty)) as database:
        assert database.execute("select count(*) from flow_run").fetchone() == (0,)


def test_what_killed_servers_left_is_deleted_and_what_others_use_is_not(tmp_path: Path) -> None:
    own = {PREFECT_HOME: tmp_path}  # another test's server in this process may name a database
    named = {PREFECT_SERVER_DATABASE_CONNECTION_URL}
    killed, used, gone, elsewhere = (tmp_path / FOLDER / (digit * 32) for digit in "abcd")
    for folder in (killed, used, gone, elsewhere):
        folder.mkdir(parents=True)
        (folder / "prefect.db").touch()
    ended = [sys.executable, "-c", LEAVES_A_LEASE, str(killed.with_suffix(".lease"))]
    assert subprocess.run(ended, cwd=ROOT).returncode == -signal.SIGKILL
    with lease(used.with_suffix(".lease")):
        mine = used.with_suffix(".lease").read_text()
        for folder in (gone, elsewhere):
            there = re.sub("host=.*", "host=another-container", mine)
            folder.with_suffix(".lease").write_text(there)
        for folder in (gone, used):
            renewed = used.with_suffix(".lease").stat().st_mtime - GONE_S - 1
            os.utime(folder.with_suffix(".lease"), (renewed, renewed))
        before = dict(dependencies.MODELS_DEPENDENCIES)
        with temporary_settings(own, restore_defaults=named), own_database():
            assert used.is_dir()
            assert elsewhere.is_dir()
            assert not killed.exists()
            assert not gone.exists()
            assert len([name for name in left(tmp_path) if len(name) == 32]) == 3
        dependencies.MODELS_DEPENDENCIES.update(before)
    assert [name for name in left(tmp_path) if len(name) == 32] == [used.name, elsewhere.name]
