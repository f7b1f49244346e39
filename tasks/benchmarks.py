"""Tasks of a benchmark: prepare the test, train, measure, report, log."""

from __future__ import annotations

from collections.abc import Mapping

from prefect import task

from ecgmodel.steps.data import Step
from ecgmodel.store import Store, Stored
from tasks.caching import Ref, do, step_task
from tasks.tracking import Tracker, log_page, reaching


@step_task("benchmark test")
def prepare(step: Step, store: Store) -> Ref:
    """Prepare a protocol's test."""
    return do(step, store)


@step_task("benchmark training")
def train(step: Step, store: Store) -> Ref:
    """Train a network on a protocol's training part, resuming from the last checkpoint."""
    return do(step, store)


@step_task("measure")
def measure(step: Step, store: Store) -> Ref:
    """Measure one method."""
    return do(step, store)


@step_task("benchmark page")
def show(step: Step, store: Store) -> Ref:
    """Write report page and tables."""
    return do(step, store)


@task(name="log benchmark", task_run_name="log to MLflow")
def log(page: Stored, tracker: Tracker, flow_run: Mapping[str, str]) -> str:
    """Log a benchmark unless it is logged already, and return its run's id."""
    with reaching(tracker.uri, f"The benchmark's page {page.path}"):
        return log_page(tracker, page, flow_run)
