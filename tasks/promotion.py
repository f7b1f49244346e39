"""Tasks of the model registry: register, fetch, judge, promote."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from ecgmodel.steps.data import Step
from ecgmodel.store import Store, Stored
from tasks.caching import Ref, do, step_task
from tasks.tracking import Change, Finished, How, Registry, Version, ensure_champion, restore


@task(name="first champion", cache_policy=NO_CACHE)
def ensure(registry: Registry, name: str | None) -> Version | None:
    """Register the shipped network as champion if the registry never had one."""
    return ensure_champion(registry, name)


@task(name="register", task_run_name="register", cache_policy=NO_CACHE)
def register(finished: Finished, registry: Registry, run_id: str) -> Version:
    """Register a logged training as challenger, unless it is registered already.

    The registry itself is asked, not a cache.
    """
    with registry.tracker.reached("The model and its report"):
        return registry.register(finished, run_id)


@task(name="fetch model", task_run_name="fetch version {version.number}", cache_policy=NO_CACHE)
def fetch(version: Version, registry: Registry, store: Store) -> Stored:
    """Copy a registered network into the store, and put back what MLflow lost of it."""
    network = registry.fetch(version, store)
    restore(registry, version, network, store)
    return network


@step_task("judge")
def judge(step: Step, store: Store) -> Ref:
    """Compare challenger and champion, and write the verdict."""
    return do(step, store)


@task(name="promote", task_run_name="promote version {version.number}", cache_policy=NO_CACHE)
def promote(version: Version, registry: Registry, how: How, reason: str) -> Change:
    """Make a version the champion."""
    with registry.tracker.reached("The verdict"):
        return registry.promote(version, how, reason)
