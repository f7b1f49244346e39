"""However many times were missed, one run makes up for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.states import AwaitingRetry, Scheduled

from flows.service.catching_up import catch_up, keep_newest, last_due, make_up

HOUR = timedelta(hours=1)


@flow(name="timed")
def nothing() -> None:
    """A flow that is only ever scheduled."""


@pytest.fixture
def client(prefect_server: None) -> SyncPrefectClient:
    return get_client(sync_client=True)


@pytest.fixture
def deployment(client: SyncPrefectClient) -> Any:
    """A deployment that is due at each full hour."""
    schedule = DeploymentScheduleCreate(schedule=CronSchedule(cron="0 * * * *"), active=True)
    name = f"hourly-{datetime.now(UTC).timestamp()}"
    made = client.create_deployment(client.create_flow(nothing), name, schedules=[schedule])
    return client.read_deployment(made)


def missed(client: SyncPrefectClient, deployment: Any, due: datetime) -> Any:
    """Return a run as the scheduler plans it."""
    return client.create_flow_run_from_deployment(
        deployment.id, state=Scheduled(scheduled_time=due)
    )


def waiting(client: SyncPrefectClient, deployment: Any) -> list[str]:
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId

    wanted = DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id]))
    runs = client.read_flow_runs(deployment_filter=wanted, limit=200)
    return [str(run.name) for run in runs if run.state_name in ("Scheduled", "Late")]


def test_the_last_time_due_is_found_in_the_schedules_zone(deployment: Any) -> None:
    now = datetime(2036, 3, 1, 12, 34, tzinfo=UTC)
    assert last_due(deployment, now) == datetime(2036, 3, 1, 12, 0, tzinfo=UTC)


def test_a_time_that_nobody_planned_gets_one_run(
    client: SyncPrefectClient, deployment: Any
) -> None:
    now = datetime.now(UTC) + 48 * HOUR
    before = set(waiting(client, deployment))
    (line,) = make_up(client, deployment, now)
    assert "catch-up run for" in line
    assert len(set(waiting(client, deployment)) - before) == 1
    assert make_up(client, deployment, now) == []  # it waits already


def test_nothing_was_missed_by_a_deployment_that_is_new(
    client: SyncPrefectClient, deployment: Any
) -> None:
    assert make_up(client, deployment, datetime.now(UTC)) == []
    assert catch_up(client, datetime.now(UTC)) == []


def test_a_schedule_that_is_new_has_missed_nothing(
    client: SyncPrefectClient, deployment: Any
) -> None:
    (entry,) = deployment.schedules
    later = entry.model_copy(update={"created": datetime.now(UTC) + 24 * HOUR})
    changed = deployment.model_copy(update={"schedules": [later]})
    assert last_due(changed, datetime.now(UTC) + 12 * HOUR) is None
    assert last_due(changed, datetime.now(UTC) + 48 * HOUR) is not None


def test_one_that_cannot_be_made_up_for_does_not_keep_the_others_from_it(
    client: SyncPrefectClient, deployment: Any
) -> None:
    made = client.create_deployment(
        client.create_flow(nothing),
        "a-before-hourly",
        schedules=[DeploymentScheduleCreate(schedule=CronSchedule(cron="0 * * * *"))],
        enforce_parameter_schema=True,
        parameter_openapi_schema={
            "type": "object",
            "properties": {"recordings": {"type": "string"}},
            "required": ["recordings"],
        },
    )
    try:
        lines = catch_up(client, datetime.now(UTC) + 72 * HOUR)
    finally:
        client.delete_deployment(made)
    assert [line for line in lines if line.startswith(f"{deployment.name}:")]
    assert not [line for line in lines if line.startswith("a-before-hourly:")]


def test_of_several_missed_runs_the_newest_stays(
    client: SyncPrefectClient, deployment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC) + 12 * HOUR
    runs = [missed(client, deployment, now - n * HOUR) for n in (5, 4, 3, 2)]
    retried = missed(client, deployment, now - 6 * HOUR)
    client.set_flow_run_state(retried.id, AwaitingRetry(scheduled_time=now - 6 * HOUR), force=True)
    # The API does not let a client say that the scheduler made a run.
    read = client.read_flow_runs

    def as_scheduled(**wanted: Any) -> Any:
        return [run.model_copy(update={"auto_scheduled": True}) for run in read(**wanted)]

    monkeypatch.setattr(client, "read_flow_runs", as_scheduled)
    (line,) = keep_newest(client, deployment, now)
    assert "3 missed runs" in line
    states = [str(client.read_flow_run(run.id).state_name) for run in runs]
    assert states == ["Cancelled", "Cancelled", "Cancelled", "Scheduled"]
    assert client.read_flow_run(retried.id).state_name == "AwaitingRetry"
    assert keep_newest(client, deployment, now) == []
    assert make_up(client, deployment, now) == []
