"""The tasks of one record: download, resample, mix; and of them all: publish."""

from __future__ import annotations

from ecgmodel.steps import Step
from ecgmodel.store import Store
from tasks.caching import Ref, do, may_pass, step_task


@step_task(
    "download",
    retries=4,
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
    tags=["download"],
)
def download(step: Step, store: Store) -> Ref:
    """Fetch a record's files and verify them."""
    return do(step, store)


@step_task("resample")
def resample(step: Step, store: Store) -> Ref:
    """Bring a record to 360 Hz and millivolts."""
    return do(step, store)


@step_task("mix")
def mix(step: Step, store: Store) -> Ref:
    """Add noise to a record's windows at exact SNRs."""
    return do(step, store)


@step_task("publish")
def publish(step: Step, store: Store) -> Ref:
    """Put all shards together, and prove that nothing leaks between the splits."""
    return do(step, store)
