"""Whatever of the service is killed, a run ends once, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
from prefect.client.schemas.objects import FlowRun

from flows.service.servers import answers
from tests.flows.service import counting_flow
from tests.flows.service.running import Service, running
from tests.flows.small import until

FLOW = "counting/counting"
PASSWORD = "twelve characters"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a flow of seconds, which the tests of this file kill piece by piece."""
    with running(tmp_path_factory.mktemp("faults"), max_attempts=2) as service:
        service.deploy(counting_flow.counting, Path(counting_flow.__file__))
        yield service


def begun(service: Service, file: Path, **parameters: Any) -> FlowRun:
    """Return a run that has begun."""
    run = service.start(FLOW, file=str(file), **parameters)
    service.until(lambda: file.is_file(), "the run's begin")
    return run


def ended(service: Service, run: FlowRun) -> str:
    """Return the name of the state in which a run ends."""

    def is_over() -> bool:
        state = service.run(run).state
        return bool(state and (state.is_completed() or state.is_failed()))

    service.until(is_over, "the run's end")
    return str(service.run(run).state_name)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def test_a_killed_prefect_server_is_back_before_the_run_needs_it(
    service: Service, tmp_path: Path
) -> None:
    run = begun(service, tmp_path / "lines")
    killed = service.pid("prefect")
    kill(killed)
    until(lambda: answers(f"http://127.0.0.1:{service.prefect_port}/api/health"), 60, "Prefect")
    assert service.pid("prefect") != killed
    assert ended(service, run) == "Completed"
    assert (tmp_path / "lines").read_text().split() == ["begun", "ended"]


def test_a_killed_mlflow_server_is_back_though_its_child_held_the_port(service: Service) -> None:
    leader = psutil.Process(service.pid("mlflow"))
    (child,) = leader.children()
    leader.kill()
    until(lambda: not child.is_running(), 60, "the end of the one who holds the port")
    until(lambda: answers(f"{service.mlflow_url}/health"), 90, "MLflow")
    (heir,) = psutil.Process(service.pid("mlflow")).children()
    assert f"{service.mlflow_port}" in heir.cmdline()


def test_a_killed_worker_costs_no_run(service: Service, tmp_path: Path) -> None:
    run = begun(service, tmp_path / "lines", seconds=20)
    kill(service.pid("worker"))
    assert ended(service, run) == "Completed"
    assert (tmp_path / "lines").read_text().split().count("ended") == 1


def test_a_run_that_is_killed_again_and_again_fails_with_advice(
    service: Service, tmp_path: Path
) -> None:
    file = tmp_path / "lines"
    run = begun(service, file, seconds=60)
    service.process_of(run).kill()
    service.until(lambda: file.read_text().split() == ["begun"] * 2, "the second attempt")
    service.process_of(run).kill()
    assert ended(service, run) == "Failed"
    assert "died 2 times (service.max_attempts=2)" in str(service.run(run).state)
    assert file.read_text().split() == ["begun"] * 2


def test_what_down_interrupts_goes_on_with_up_and_that_is_no_attempt(
    service: Service, tmp_path: Path
) -> None:
    file = tmp_path / "lines"
    run = begun(service, file, seconds=20)
    assert "Stopped." in service.command("down").stdout
    assert service.processes() == []
    assert service.command("up", "--detach").returncode == 0
    assert ended(service, run) == "Completed"
    assert file.read_text().split() == ["begun", "begun", "ended"]
    assert "ecg.attempts" not in service.run(run).labels


def test_status_says_that_nobody_watches_once_the_supervisor_is_killed(service: Service) -> None:
    supervisor = psutil.Process(service.pid("supervisor"))
    supervisor.kill()
    until(lambda: not supervisor.is_running(), 20, "the supervisor's end")
    said = service.command("status")
    assert said.returncode == 3
    assert "supervisor  not running: no recovery" in said.stdout
    assert service.command("down").stdout.strip() == "Stopped."
    assert service.processes() == []


def test_a_server_that_hangs_keeps_nobody_from_stopping(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        os.kill(service.pid("prefect"), signal.SIGSTOP)
        time.sleep(5)  # a sweep has begun, and waits for it
        began = time.monotonic()
        said = service.command("down")
        assert said.stdout.strip() == "Stopped.", said.stdout + said.stderr
        assert time.monotonic() - began < 90
        assert service.processes() == []


def due_in(service: Service, begin: datetime, end: datetime, state: str) -> list[FlowRun]:
    """Return the runs of a state that were due in a segment of time."""
    with service.client() as client:
        runs = client.read_flow_runs(limit=200)
    return [
        r for r in runs if r.state_name == state and begin < (r.expected_start_time or end) < end
    ]


def test_of_an_outage_over_several_due_times_one_run_remains(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        lines = tmp_path / "lines"
        parameters = {"file": str(lines), "seconds": 0}
        flow, source = counting_flow.counting, Path(counting_flow.__file__)
        first = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=2)
        due = [first + timedelta(minutes=m) for m in (0, 2, 3)]
        cron = ",".join(str(one.minute) for one in due) + " * * * *"
        service.deploy(flow, source, cron=cron, **parameters)
        service.until(lambda: lines.is_file(), "a run on schedule", 200)
        service.command("down")
        before = datetime.now(UTC)
        assert before < due[1]
        time.sleep((due[2] + timedelta(seconds=70) - before).total_seconds())
        after = datetime.now(UTC)
        assert service.command("up", "--detach").returncode == 0
        service.until(lambda: len(due_in(service, before, after, "Completed")) > 0, "a run", 120)
        time.sleep(20)  # time for a second one
        (made_up,) = due_in(service, before, after, "Completed")
        assert made_up.expected_start_time == due[2]
        (left_out,) = due_in(service, before, after, "Cancelled")
        assert left_out.expected_start_time == due[1]
        assert lines.read_text().split() == ["begun", "ended"] * 2


def test_with_a_password_nobody_else_comes_in_and_events_still_start_runs(tmp_path: Path) -> None:
    with running(tmp_path, PASSWORD) as service:
        for url in (
            f"http://127.0.0.1:{service.prefect_port}/api/deployments/filter",
            f"{service.mlflow_url}/api/2.0/mlflow/registered-models/search",
        ):
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen(urllib.request.Request(url, method="GET"), timeout=10)
        event = {
            **{"event": "ecg.drift.detected", "occurred": datetime.now(UTC).isoformat()},
            **{"id": str(uuid4()), "resource": {"prefect.resource.id": "ecg.drift.1"}},
            "payload": {"text": "noisier", "settings": {"source": {"kind": "simulated"}}},
        }
        with service.client() as client:
            client.request("POST", "/events", json=[event])
        service.until(lambda: service.runs("retrain"), "a run because of the event", 60)
        said = service.command("status")
        assert said.returncode == 0
        assert "champion    none yet" in said.stdout
        everything = [" ".join(p.cmdline()) for p in service.processes()]
        assert everything
        assert PASSWORD not in "\n".join(everything)
