"""Tasks of a record (download, resample, mix) and of the dataset (publish)."""

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
    """List the records of a source."""
    return source.records(database, names)


@task(
    name="names",
    retries=4,
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
    cache_policy=NO_CACHE,
)
def names(source: Source, database: str) -> tuple[str, ...]:
    """List the record names of a source."""
    return source.names(database)


@step_task(
    "download",
    retries=4,
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
)
def download(step: Step, store: Store) -> Ref:
    """Download a record's files and verify them."""
    return do(step, store)


@step_task("resample")
def resample(step: Step, store: Store) -> Ref:
    """Resample a record to 360 Hz, in mV."""
    return do(step, store)


@step_task("mix")
def mix(step: Step, store: Store) -> Ref:
    """Add noise to a record's windows at exact SNRs."""
    return do(step, store)


@step_task("publish")
def publish(step: Step, store: Store) -> Ref:
    """Publish all shards as a dataset, and check it for leaks between the splits."""
    return do(step, store)
