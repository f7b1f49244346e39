"""Tasks of denoising: open the network, clean a recording."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from ecgmodel.denoise.network_file import NetworkFile
from ecgmodel.errors import EcgError, TransientSourceError
from ecgmodel.settings.config import Settings
from ecgmodel.steps.data import Step
from ecgmodel.store import Store
from tasks.caching import Ref, do, step_task
from tasks.models import find_model


def _may_pass(_task: Any, _run: Any, state: Any) -> bool:
    """Return whether a retry may help: for a temporary disk error, not for a bad record."""
    error = state.result(raise_on_failure=False)
    return not isinstance(error, EcgError) or isinstance(error, TransientSourceError)


@task(name="open model", task_run_name="open {address}", cache_policy=NO_CACHE)
def open_model(address: str, settings: Settings, store: Store) -> NetworkFile:
    """Return a registered network, a shipped one, or that of a file."""
    return find_model(address, settings, store)


@step_task("denoise", retries=2, retry_delay_seconds=1, retry_condition_fn=_may_pass)
def denoise(step: Step, store: Store) -> Ref:
    """Clean a record."""
    return do(step, store)


@step_task("describe")
def describe(step: Step, store: Store) -> Ref:
    """Compute the statistics of a training record."""
    return do(step, store)
