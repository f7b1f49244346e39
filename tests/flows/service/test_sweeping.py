"""Dead runs are started again, a limited number of times; living ones are left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelling, Completed, Crashed, Pending, Running

from flows.service.sweeping import ATTEMPTS, hand_over, sweep

LATER = timedelta(minutes=5)


@flow(name="swept")
def nothing() -> None:
    """A flow that is only ever spoken of."""


@pytest.fixture
def client(prefect_server: None) -> SyncPrefectClient:
    return get_client(sync_client=True)


@pytest.fixture
def run(client: SyncPrefectClient) -> FlowRun:
    """A run of a deployment that says that it is running."""
    deployment = client.create_deployment(client.create_flow(nothing), "swept")
    made = client.create_flow_run_from_deployment(deployment, state=Pending())
    client.set_flow_run_state(made.id, Running(), force=True)
    return client.read_flow_run(made.id)


def state(client: SyncPrefectClient, run: FlowRun) -> str:
    return str(client.read_flow_run(run.id).state_name)


def about(lines: list[str], run: FlowRun) -> list[str]:
    return [line for line in lines if line.startswith(f"{run.name}:")]


def test_a_run_without_a_process_is_started_again_under_its_id(
    client: SyncPrefectClient, run: FlowRun
) -> None:
    assert about(sweep(client, 3), run) == []  # it may just be about to report its end
    assert state(client, run) == "Running"
    (line,) = about(sweep(client, 3, datetime.now(UTC) + LATER), run)
    assert line.endswith("attempt 2 of 3")
    assert state(client, run) == "AwaitingRetry"
    assert about(sweep(client, 3, datetime.now(UTC) + LATER), run) == []


def test_attempts_are_limited_and_then_it_says_what_to_do(
    client: SyncPrefectClient, run: FlowRun
) -> None:
    for attempt in (2, 3):
        sweep(client, 3, datetime.now(UTC) + LATER)
        assert client.read_flow_run(run.id).labels[ATTEMPTS] == attempt
        client.set_flow_run_state(run.id, Crashed(), force=True)
    sweep(client, 3, datetime.now(UTC) + LATER)
    ended = client.read_flow_run(run.id)
    assert ended.state is not None
    assert ended.state.is_failed()
    assert "died 3 times" in (ended.state.message or "")
    assert about(sweep(client, 3, datetime.now(UTC) + LATER), run) == []


def test_what_it_had_started_inside_itself_is_closed(
    client: SyncPrefectClient, run: FlowRun
) -> None:
    task = client.create_task_run(
        _task(), flow_run_id=run.id, dynamic_key="0", state=Running(), name="inner"
    )
    inner = client.create_flow_run(nothing, state=Running(), parent_task_run_id=task.id)
    deep = client.create_task_run(
        _task(), flow_run_id=inner.id, dynamic_key="0", state=Running(), name="deep"
    )
    sweep(client, 3, datetime.now(UTC) + LATER)
    assert state(client, inner) == "Crashed"
    for one in (task, deep):
        assert client.read_task_run(one.id).state_name == "Crashed"


def test_a_run_that_was_to_be_cancelled_is_not_started_again(
    client: SyncPrefectClient, run: FlowRun
) -> None:
    client.set_flow_run_state(run.id, Cancelling(), force=True)
    (line,) = about(sweep(client, 3, datetime.now(UTC) + LATER), run)
    assert line.endswith("cancelled")
    assert state(client, run) == "Cancelled"


def test_runs_of_another_machines_worker_are_not_its_business(
    client: SyncPrefectClient, run: FlowRun
) -> None:
    client.update_flow_run_labels(run.id, {"prefect.worker.name": "elsewhere"})
    assert about(sweep(client, 3, datetime.now(UTC) + LATER), run) == []
    assert hand_over(client, {run.id}) == []
    assert state(client, run) == "Running"


def test_what_a_stop_interrupts_is_scheduled_again_and_that_is_no_attempt(
    client: SyncPrefectClient, run: FlowRun
) -> None:
    assert hand_over(client, set()) == []
    (line,) = hand_over(client, {run.id})
    assert line.startswith(f"{run.name}:")
    after = client.read_flow_run(run.id)
    assert after.state_name == "AwaitingRetry"
    assert ATTEMPTS not in after.labels
    client.set_flow_run_state(run.id, Completed(), force=True)
    assert hand_over(client, {run.id}) == []


def _task():
    from prefect import Task

    return Task(lambda: None, name="inner")


def test_a_run_whose_process_lives_is_left_alone(client: SyncPrefectClient, run: FlowRun) -> None:
    environment = {**os.environ, "PREFECT__FLOW_RUN_ID": str(run.id)}
    code = "print('ready', flush=True); import time; time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        assert about(sweep(client, 3, datetime.now(UTC) + LATER), run) == []
        assert state(client, run) == "Running"
    finally:
        process.kill()
        process.wait()
    assert about(sweep(client, 3, datetime.now(UTC) + LATER), run)


def test_runs_by_hand_and_finished_runs_are_not_its_business(
    client: SyncPrefectClient, run: FlowRun
) -> None:
    by_hand = client.create_flow_run(nothing, state=Running())
    client.set_flow_run_state(run.id, Completed(), force=True)
    lines = sweep(client, 3, datetime.now(UTC) + LATER)
    assert about(lines, by_hand) == about(lines, run) == []
    assert state(client, by_hand) == "Running"
    assert isinstance(by_hand.id, UUID)
