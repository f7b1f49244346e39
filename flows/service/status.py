"""The output of `ecg-denoise status`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from flows.service.processes import recall
from flows.service.servers import (
    client_environment,
    mlflow_server,
    prefect_client,
    prefect_server,
)
from flows.service.settings import ServedSettings
from flows.service.supervisor import SUPERVISOR

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from tasks.tracking import Change, Version

LAST, WIDTH = 8, 20
_BY = {
    "gate": "by the gate",
    "hand": "by hand",
    "rollback": "by a rollback",
    "shipped": "as the first model",
}


def status_lines(settings: ServedSettings) -> tuple[list[str], bool]:
    """Return the text to show, and whether the service runs.

    Args:
        settings: All settings.
    """
    service = settings.service
    known = recall(service.root / "service.json")
    lines, all_answer = [], True
    watches = SUPERVISOR in known and known[SUPERVISOR].process is not None
    for server, url in (
        (prefect_server(service), service.prefect_url),
        (mlflow_server(service), service.mlflow_page),
    ):
        answers = server.answers()
        all_answer &= answers
        lines.append(f"{server.name:<12}{'answers' if answers else 'does not answer':<16}{url}")
    process = known["worker"].process if "worker" in known else None
    without = "not running: no recovery and no catch-up runs until `ecg-denoise up`"
    lines.append(f"{SUPERVISOR:<12}{'runs' if watches else without}")
    lines.append(f"{'worker':<12}{f'runs, process {process.pid}' if process else 'does not run'}")
    if all_answer:
        lines += _deployments_and_runs(settings)
        lines.append(f"{'champion':<12}{_champion(settings)}")
    free = shutil.disk_usage(service.root if service.root.is_dir() else ".").free
    lines.append(f"{'state':<12}{service.root} ({free / 1e9:,.0f} GB free on its disk)")
    return lines, watches and all_answer and process is not None


def _deployments_and_runs(settings: ServedSettings) -> list[str]:
    with prefect_client(client_environment(settings.service), brief=True) as client:
        zone = ZoneInfo(settings.service.timezone)
        return _deployments(client, zone) + _last_runs(client, zone)


def _deployments(client: SyncPrefectClient, zone: ZoneInfo) -> list[str]:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState
    from prefect.client.schemas.filters import FlowRunFilterStateType as Kind
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort

    waiting = FlowRunFilter(state=FlowRunFilterState(type=Kind(any_=[StateType.SCHEDULED])))
    runs = client.read_flow_runs(
        flow_run_filter=waiting, sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=200
    )
    next_of = {run.deployment_id: run.expected_start_time for run in reversed(runs)}
    lines = ["", f"{'deployment':<22}next run"]
    for deployment in sorted(client.read_deployments(), key=lambda d: d.name):
        due = next_of.get(deployment.id)
        lines.append(f"{deployment.name:<22}{_moment(due, zone) if due else 'by hand or by event'}")
    return lines


def _last_runs(client: SyncPrefectClient, zone: ZoneInfo) -> list[str]:
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterParentTaskRunId,
        FlowRunFilterState,
    )
    from prefect.client.schemas.filters import FlowRunFilterStateType as Kind
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort

    # Scheduled runs sort by their due time: a hundred of them would hide all that ran.
    begun = FlowRunFilter(
        state=FlowRunFilterState(type=Kind(not_any_=[StateType.SCHEDULED])),
        parent_task_run_id=FlowRunFilterParentTaskRunId(is_null_=True),
    )
    runs = client.read_flow_runs(
        flow_run_filter=begun, sort=FlowRunSort.START_TIME_DESC, limit=2 * LAST
    )
    started = [run for run in runs if run.start_time][:LAST]
    width = max([WIDTH, *(len(run.name) for run in started)]) + 2
    lines = ["", f"{'last runs':<{width}}{'state':<12}started"]
    lines += [
        f"{run.name:<{width}}{run.state_name or '':<12}{_moment(run.start_time, zone)}"
        for run in started
    ]
    return [*lines, *([] if started else ["none yet"]), ""]


def _moment(time: datetime | None, zone: ZoneInfo) -> str:
    return time.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z") if time else "never"


def _champion(settings: ServedSettings) -> str:
    """Return the model in use."""
    from ecgmodel.store import Store
    from tasks.tracking import Registry, Tracker

    service = settings.service
    tracking = settings.tracking.model_copy(update={"uri": service.mlflow_url})
    registry = Registry(Tracker(tracking, Store(service.root / "store")))
    with registry.tracker.reached("The models"):
        champion, changes = registry.champion(), registry.history()
    if champion is None:
        return "none yet"
    zone = ZoneInfo(service.timezone)
    return f"{registry.name} version {champion.number}, {_how(champion, changes, zone)}"


def _how(champion: Version, changes: Sequence[Change], zone: ZoneInfo) -> str:
    """Return by whom, when and why the model was put into use."""
    change = next((c for c in reversed(changes) if c.version == champion.number), None)
    if change is None:  # the alias was moved in MLflow
        return "put into use in MLflow"
    at = _moment(datetime.fromisoformat(change.at), zone)
    person = f" ({change.by})" if change.by else ""
    by = _BY.get(change.how, f"by {change.how}")
    return f"put into use {by}{person}, {at}: {change.reason}"
