"""The tasks of one record: download, resample, mix; and of them all: publish."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from ecgmodel.sources.base import RecordSource, Source
from ecgmodel.steps.data import Step
from ecgmodel.store import Store
from tasks.caching import Ref, do, may_pass, step_task


@task(
    name="list",
    retries=4,
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
    cache_policy=NO_CACHE,
)
def listing(source: Source, database: str, names: tuple[str, ...]) -> tuple[RecordSource, ...]:
    """Ask a source which records it holds now."""
    return source.records(database, names)


@task(
    name="names",
    retries=4,
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
    cache_policy=NO_CACHE,
)
def names(source: Source, database: str) -> tuple[str, ...]:
    """Ask a source for the names of all records that it holds now."""
    return source.names(database)


@step_task(
    "download",
    retries=4,
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
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
