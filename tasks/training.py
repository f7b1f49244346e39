"""Tasks of a training: fit, evaluate each method, report, export, log."""

from __future__ import annotations

from typing import Any

from prefect import Task, task
from prefect.tasks import exponential_backoff

from ecgmodel.settings.config import TrackingSettings
from ecgmodel.steps.data import Step
from ecgmodel.store import Store
from tasks.caching import Ref, do, step_task
from tasks.tracking import Finished, Tracker, TrackingError, reaching

FIRST_WAIT_S = 5


@step_task("fit")
def fit(step: Step, store: Store) -> Ref:
    """Train the network, from the last checkpoint if there is one."""
    return do(step, store)


@step_task("evaluate")
def evaluate(step: Step, store: Store) -> Ref:
    """Evaluate one method on the test shards."""
    return do(step, store)


@step_task("report")
def report(step: Step, store: Store) -> Ref:
    """Write tables, figures and the report."""
    return do(step, store)


@step_task("export")
def export(step: Step, store: Store) -> Ref:
    """Export the network to ONNX and compare both."""
    return do(step, store)


def retrying(work: Task[Any, Any], tracking: TrackingSettings) -> Any:
    """Return a task with retries for a tracking server that does not answer."""
    return work.with_options(
        retries=tracking.retries,
        retry_delay_seconds=exponential_backoff(FIRST_WAIT_S),
        retry_condition_fn=_server_may_come,
    )


def _server_may_come(_task: Any, _run: Any, state: Any) -> bool:
    return isinstance(state.result(raise_on_failure=False), TrackingError)


@task(name="log", task_run_name="log to MLflow")
def log(finished: Finished, tracker: Tracker) -> str:
    """Log the training unless it is logged already, and return its run's id.

    The tracking store itself is asked, not a cache.
    """
    what = f"The model {finished.model.path} and its report {finished.report.path}"
    with reaching(tracker.uri, what):
        return tracker.log(finished)
