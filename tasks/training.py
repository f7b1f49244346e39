"""The tasks of one training: fit, evaluate each method, report, log."""

from __future__ import annotations

from prefect import task

from ecgmodel.steps import Step
from ecgmodel.store import Store
from tasks.caching import Ref, do, step_task
from tasks.tracking import Finished, Tracker, reaching


@step_task("fit")
def fit(step: Step, store: Store) -> Ref:
    """Train the network, from the last checkpoint if there is one."""
    return do(step, store)


@step_task("evaluate")
def evaluate(step: Step, store: Store) -> Ref:
    """Measure one method on the test shards."""
    return do(step, store)


@step_task("report")
def report(step: Step, store: Store) -> Ref:
    """Write tables, figures and the report."""
    return do(step, store)


@task(name="log")
def log(finished: Finished, tracker: Tracker) -> str:
    """Log the training where it is not logged yet, and return its run's id.

    Whether it is logged is asked of the tracking store, never of a cache.
    """
    what = f"The model {finished.model.path} and its report {finished.report.path}"
    with reaching(tracker.uri, what):
        return tracker.log(finished)
