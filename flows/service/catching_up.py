"""After downtime, one catch-up run replaces the missed scheduled runs.

Prefect alone would start every run that it had scheduled, one after another, and lose the runs
that were due after the last scheduled one.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from croniter import croniter
from httpx import HTTPError
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.schedules import CronSchedule
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Cancelled, Scheduled

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import DeploymentResponse

# A due run normally starts within seconds.
GRACE = timedelta(seconds=60)
MAKES_UP = "missed"
_log = logging.getLogger("ecg.service")


def catch_up(client: SyncPrefectClient, now: datetime | None = None) -> list[str]:
    """Leave each deployment exactly one run in place of those that it missed.

    Args:
        client: Client of the Prefect server.
        now: The current time; for tests.

    Returns:
        A line for each change.
    """
    now = now or datetime.now(UTC)
    done = []
    for deployment in client.read_deployments():
        if deployment.schedules and not deployment.paused:
            try:
                done += keep_newest(client, deployment, now)
                done += make_up(client, deployment, now)
            except HTTPError as error:  # the other deployments are handled all the same
                _say_once(f"{deployment.name}: no catch-up run was scheduled: {error}")
    for line in done:
        _log.warning(line)
    return done


def keep_newest(
    client: SyncPrefectClient, deployment: DeploymentResponse, now: datetime
) -> list[str]:
    """Cancel all missed runs of a deployment except the newest."""
    late = [
        run
        for run in _runs(client, deployment.id, (StateType.SCHEDULED,))
        if run.auto_scheduled and run.state_name != "AwaitingRetry" and _due(run) < now - GRACE
    ]
    older = sorted(late, key=_due)[:-1]
    for run in older:
        text = "Missed during downtime; one later run of the schedule replaces it."
        client.set_flow_run_state(run.id, Cancelled(message=text), force=True)
    return [f"{deployment.name}: {len(older)} missed runs replaced by the newest"] if older else []


def make_up(client: SyncPrefectClient, deployment: DeploymentResponse, now: datetime) -> list[str]:
    """Schedule a run if there is none for the last time that was due."""
    due = last_due(deployment, now - GRACE)
    if due is None:
        return []
    for run in _runs(client, deployment.id):
        is_ours = run.auto_scheduled or MAKES_UP in run.tags
        waits = run.state_type == StateType.SCHEDULED and _due(run) <= now
        if is_ours and (waits or due <= _due(run) <= now):
            return []
    client.create_flow_run_from_deployment(
        deployment.id,
        state=Scheduled(scheduled_time=now),
        tags=[MAKES_UP],
        idempotency_key=f"missed {deployment.id} {due.isoformat()}",
    )
    return [f"{deployment.name}: catch-up run for {due.isoformat()} scheduled"]


def last_due(deployment: DeploymentResponse, before: datetime) -> datetime | None:
    """Return when a deployment was last due by its cron schedules, None if never.

    Times before a schedule was created do not count.
    """
    times = []
    for entry in deployment.schedules:
        schedule = entry.schedule
        if entry.active and isinstance(schedule, CronSchedule):
            local = before.astimezone(ZoneInfo(schedule.timezone or "UTC"))
            due = croniter(schedule.cron, local).get_prev(datetime)
            times += [due] if due >= (entry.created or due) else []
    return max(times).astimezone(UTC) if times else None


@cache
def _say_once(line: str) -> None:
    """Log a warning once: each check would find the same."""
    _log.warning(line)


def _runs(
    client: SyncPrefectClient, deployment: UUID, states: tuple[StateType, ...] = ()
) -> list[FlowRun]:
    kind = FlowRunFilterStateType(any_=[*states]) if states else None
    return client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=kind)) if kind else None,
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=200,
    )


def _due(run: FlowRun) -> datetime:
    return run.expected_start_time or datetime.min.replace(tzinfo=UTC)
