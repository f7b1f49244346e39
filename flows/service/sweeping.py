"""The sweeper restarts runs whose process died, a limited number of times.

Prefect notices a crash only while a worker watches, and may report it twice. The sweeper looks for
the processes themselves: each carries the id of its run in its environment.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import State, StateType
from prefect.states import AwaitingRetry, Cancelled, Crashed, Failed

from flows.service.servers import WORKER

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

ATTEMPTS = "ecg.attempts"
# Prefect may report a crash again within 2 s, and a new process takes seconds to appear.
QUIET = timedelta(seconds=15)
STARTING = timedelta(seconds=90)
_OPEN = (StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)
_log = logging.getLogger("ecg.service")


def sweep(client: SyncPrefectClient, max_attempts: int, now: datetime | None = None) -> list[str]:
    """Restart dead runs, and return a line for each.

    Args:
        client: Client of the Prefect server.
        max_attempts: Maximum number of starts of a run, including the first.
        now: The current time; for tests.
    """
    now = now or datetime.now(UTC)
    living = runs_with_a_process()
    done = []
    for run in _runs(client, (*_OPEN, StateType.CRASHED)):
        if not _is_ours(run) or run.id in living or not _is_dead(run, now):
            continue
        done.append(revive(client, run, max_attempts))
        _log.warning(done[-1])
    return done


def revive(client: SyncPrefectClient, run: FlowRun, max_attempts: int) -> str:
    """Close a dead run's open task runs, and reschedule the run or fail it."""
    _close_inside(client, run.id)
    if run.state_type == StateType.CANCELLING:
        text = "Its process had already ended when it was cancelled."
        client.set_flow_run_state(run.id, Cancelled(message=text), force=True)
        return f"{run.name}: cancelled"
    attempts = int(str((run.labels or {}).get(ATTEMPTS, 1)))
    if attempts >= max_attempts:
        text = (
            f"Its process died {attempts} times (service.max_attempts={max_attempts}). See "
            "the worker's log, fix the cause and run it again: finished steps are kept."
        )
        client.set_flow_run_state(run.id, Failed(message=text), force=True)
        return f"{run.name}: failed after {attempts} attempts"
    client.update_flow_run_labels(run.id, {ATTEMPTS: attempts + 1})
    text = f"Its process died; attempt {attempts + 1} of {max_attempts}."
    client.set_flow_run_state(run.id, AwaitingRetry(message=text), force=True)
    return f"{run.name}: restarted, attempt {attempts + 1} of {max_attempts}"


def hand_over(client: SyncPrefectClient, stopped: set[UUID]) -> list[str]:
    """Reschedule runs that were stopped with the service; this does not count as an attempt.

    Args:
        client: Client of the Prefect server.
        stopped: Runs that had a process before; those that have finished since are left alone.

    Returns:
        A line for each run.
    """
    done = []
    for run in _runs(client, (StateType.RUNNING, StateType.PENDING, StateType.CRASHED)):
        if run.id in stopped and _is_ours(run):
            _close_inside(client, run.id)
            text = "The service was stopped; the run continues after the next start."
            client.set_flow_run_state(run.id, AwaitingRetry(message=text), force=True)
            done.append(f"{run.name}: continues after the next start")
    return done


def runs_with_a_process() -> set[UUID]:
    """Return the flow runs that have a process on this machine."""
    found = set()
    for process in psutil.process_iter():
        try:
            text = process.environ().get("PREFECT__FLOW_RUN_ID")
            if text and process.status() != psutil.STATUS_ZOMBIE:
                found.add(UUID(text))
        except (psutil.Error, ValueError, OSError):
            continue
    return found


def _is_ours(run: FlowRun) -> bool:
    """Return whether a run belongs to a worker of this machine and is no subflow."""
    by = (run.labels or {}).get("prefect.worker.name", WORKER)
    return run.deployment_id is not None and run.parent_task_run_id is None and by == WORKER


def _is_dead(run: FlowRun, now: datetime) -> bool:
    """Return whether a run has been without a process for long enough."""
    if run.state is None:
        return False
    age = now - run.state.timestamp
    return age > (STARTING if run.state_type == StateType.PENDING else QUIET)


def _runs(client: SyncPrefectClient, states: Iterable[StateType]) -> list[FlowRun]:
    wanted = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[*states])))
    return client.read_flow_runs(flow_run_filter=wanted, limit=200)


def _close_inside(client: SyncPrefectClient, run: UUID) -> None:
    """Close the open subflow and task runs of a dead run."""
    gone: State[None] = Crashed(message="Its process died.")
    within = FlowRunFilter(
        parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[run]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[*_OPEN])),
    )
    for inner in client.read_flow_runs(flow_run_filter=within):
        _close_inside(client, inner.id)
        client.set_flow_run_state(inner.id, gone, force=True)
    tasks = client.read_task_runs(
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run])),
        task_run_filter=TaskRunFilter(
            state=TaskRunFilterState(type=TaskRunFilterStateType(any_=[*_OPEN]))
        ),
    )
    for task in tasks:
        client.set_task_run_state(task.id, gone, force=True)
