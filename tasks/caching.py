"""The store is the only cache: a task is Cached if its output is in the store, intact."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from prefect import Task
from prefect.cache_policies import CachePolicy
from prefect.context import TaskRunContext
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel

from ecgmodel.errors import (
    DatasetError,
    RecordError,
    SignalError,
    SourceError,
    TransientSourceError,
)
from ecgmodel.steps.data import Step
from ecgmodel.store import Store, Stored, digest
from ecgmodel.support.progress import bar
from ecgmodel.support.stopping import ask_to_stop

# Transfers, filters and writes overlap; more at once would only need more memory.
AT_ONCE = 4
RUNNER: Any = ThreadPoolTaskRunner(max_workers=AT_ONCE)
# What one record is at fault for; `mix` calls a row that misses its SNR a DatasetError.
BAD_RECORD = (RecordError, SourceError, SignalError, DatasetError)


class Ref(BaseModel):
    """The result of a task: a reference to its output in the store, never the output itself."""

    stage: str
    name: str
    folder: str
    key: str
    digest: str


@dataclass(frozen=True)
class Failure:
    """A failed step and its error."""

    step: Step
    error: BaseException

    @property
    def report(self) -> dict[str, str]:
        """The failure as an entry of the dataset's manifest."""
        unit = self.step.unit
        return {"record": unit.name, "stage": unit.stage, "reason": str(self.error)}


class StoreKey(CachePolicy):
    """Cache policy: a task's cache key is its step's key in the store."""

    def compute_key(
        self,
        task_ctx: TaskRunContext,
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],
        **kwargs: Any,
    ) -> str | None:
        """Return the key: the store's folder and the step's key."""
        return digest([str(inputs["store"].root), inputs["step"].unit.folder])


def step_task(
    name: str, **options: Any
) -> Callable[[Callable[[Step, Store], Ref]], Task[[Step, Store], Ref]]:
    """Decorate a function of a step as a Prefect task that is cached by the store.

    Args:
        name: The task's name.
        **options: Further options of `prefect.task`.
    """
    common: dict[str, Any] = {
        "cache_policy": StoreKey(),
        "persist_result": True,
        "result_serializer": "json",
    }

    def decorate(function: Callable[[Step, Store], Ref]) -> Task[[Step, Store], Ref]:
        return Task(function, name=name, **common, **options)

    return decorate


def do(step: Step, store: Store) -> Ref:
    """Execute a step and return a reference to its output."""
    stored = step.run(store)
    return Ref(
        stage=step.unit.stage,
        name=step.unit.name,
        folder=step.unit.folder,
        key=stored.key,
        digest=stored.digest,
    )


def run_step(task: Task[[Step, Store], Ref], step: Step, store: Store) -> Stored:
    """Run the task of one step and return the step's output.

    Raises:
        EcgError: The step failed.
    """
    done, failed = run_steps(task, [step], store)
    if failed:
        raise failed[0].error
    return done[0]


def run_steps(
    task: Task[[Step, Store], Ref], steps: Sequence[Step], store: Store, label: str = ""
) -> tuple[list[Stored], list[Failure]]:
    """Run the tasks of independent steps; return outputs and failures, in order.

    A failure of the unit itself (a bad record) is returned. Any other failure (a full disk, a
    source that is down, a lock that another process holds) is raised after the others are done.

    Args:
        task: The stage's task; its arguments are a step and the store.
        steps: The steps.
        store: The store of their outputs.
        label: Label of the progress bar; "" shows none.
    """
    futures = []
    for step, stored in zip(steps, _look_up(steps, store), strict=True):
        # Prefect knows that a task ran; only the store knows whether its files are intact.
        options: dict[str, Any] = {
            "task_run_name": f"{step.unit.stage} {step.unit.name}",
            "refresh_cache": stored is None,
        }
        futures.append(task.with_options(**options).submit(step, store))
    done, failed = [], []
    with bar(len(steps), label, "record", shown=bool(label)) as shown:
        for step, future in zip(steps, futures, strict=True):
            _wait(future)
            shown.update()
            result = future.state.result(raise_on_failure=False)
            if isinstance(result, BaseException):
                failed.append(Failure(step, result))
            else:
                done.append(step.run(store))
    _raise_what_is_not_the_units_fault(failed)
    for failure in failed:
        logging.getLogger("ecg").warning("omitted %(record)s: %(reason)s", failure.report)
    return done, failed


def _wait(future: Any) -> None:
    """Wait for a task; an interruption also stops its work in the thread."""
    try:
        future.wait()
    except BaseException:
        ask_to_stop()
        raise


def may_pass(_task: Any, _run: Any, state: Any) -> bool:
    """Return whether to retry a failed task (a Prefect retry condition)."""
    return isinstance(state.result(raise_on_failure=False), TransientSourceError)


def _look_up(steps: Sequence[Step], store: Store) -> list[Stored | None]:
    """Return which steps are in the store, hashing their files in parallel."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda step: store.get(step.unit), steps))


def _raise_what_is_not_the_units_fault(failed: Sequence[Failure]) -> None:
    for failure in failed:
        error = failure.error
        if not isinstance(error, BAD_RECORD) or isinstance(error, TransientSourceError):
            raise error
