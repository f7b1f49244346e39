"""Receipts where a server holds the runs: what it no longer says, and what no server should say."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import pytest

from ecgmodel.settings.config import Settings
from ecgmodel.store import Store
from flows import receipts
from flows.train import Training
from tasks.tracking import Registry, Tracker
from tests.flows import small

First = tuple[Settings, Training]


@pytest.fixture
def mlflow_server(first: First, store: Path) -> Iterator[str]:
    """MLflow's server for the runs in a copy of the first run's store."""
    small.move_artifacts(store)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "mlflow", "server", "--port", uri.rpartition(":")[2]]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{store}/mlflow/mlflow.db"]
    silent = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    server = subprocess.Popen(command, env=silent, cwd=store, start_new_session=True)
    try:
        small.until(lambda: _answers(uri), what="MLflow's server")
        yield uri
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def _answers(uri: str) -> bool:
    try:
        with urlopen(f"{uri}/health", timeout=5):
            return True
    except OSError:
        return False


def test_what_a_server_no_longer_says_is_looked_into(
    mlflow_server: str, first: First, store: Path
) -> None:
    settings = small.small(store, {"tracking": {"uri": mlflow_server}})
    tracker = Tracker(settings.tracking, Store(store))
    result = replace(first[1], tracker=tracker)
    registry, client = Registry(tracker), tracker.client
    model = str(registry.version(1).model_id)
    registry.create(result.run_id, {}, "the same once more")

    def kept() -> bool:
        receipts.keep(settings, result, "as it was")
        return receipts.find(settings) is not None

    assert kept()
    client.set_tag(result.run_id, "ecg.logged", "another report")
    assert receipts.find(settings) is None
    client.set_tag(result.run_id, "ecg.logged", result.report.ref)
    assert receipts.find(settings)
    client.delete_run(result.run_id)
    assert receipts.find(settings) is None
    client.restore_run(result.run_id)
    assert receipts.find(settings)
    client.set_registered_model_alias(registry.name, "champion", "2")
    assert receipts.find(settings) is None
    assert kept()
    client.delete_model_version(registry.name, "1")
    assert receipts.find(settings) is None
    result = replace(result, judged=replace(result.judged, version=2))
    assert kept()
    client.delete_logged_model(model)
    assert receipts.find(settings) is None


NO_HTTP = b"220 mail.example ESMTP\r\n"
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nContent-Type: application/json\r\n\r\n{"
LISTED = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n[]"


@pytest.fixture
def says(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server that answers everything with the same bytes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_say, args=(server, request.param), daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def _say(server: socket.socket, answer: bytes) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:  # closed: the test is over
            return
        with client:
            client.recv(65536)
            client.sendall(answer)


@pytest.mark.parametrize("says", [NO_HTTP, CUT, LISTED], indirect=True, ids=["no", "cut", "list"])
def test_a_server_that_talks_nonsense_costs_the_receipt_and_nothing_else(
    first: First,
    store: Path,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    small.move_artifacts(store)
    settings = small.small(store)
    receipts.keep(settings, replace(first[1], tracker=Tracker(settings.tracking, Store(store))), "")
    (receipt,) = (store / "receipts").iterdir()
    served = small.small(store, {"tracking": {"uri": says, "timeout_s": 5}})
    theirs = receipts._place(served, Store(store))
    shutil.copy(receipt, theirs)
    assert receipts.find(served) is None
    theirs.unlink()
    result = replace(first[1], tracker=Tracker(served.tracking, Store(store)))
    receipts.keep(served, result, "as it was")
    assert not theirs.exists()
    (said,) = [one for one in caplog.messages if "will look everything up again" in one]
    assert "\n" not in said
