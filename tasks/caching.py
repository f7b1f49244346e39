"""One cache, the store: a task is Cached when the store holds its step's output, intact."""

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

from ecgmodel.errors import DiskFullError, EcgError, PassingSourceError
from ecgmodel.steps.data import Step
from ecgmodel.store import Store, Stored, digest
from ecgmodel.support.progress import bar
from ecgmodel.support.stopping import ask_to_stop

# A transfer, a filter and a write overlap; more at once would only hold more records in memory.
AT_ONCE = 4
RUNNER: Any = ThreadPoolTaskRunner(max_workers=AT_ONCE)


class Ref(BaseModel):
    """What a task hands on: where its output is and what it contains, never the output."""

    stage: str
    name: str
    folder: str
    key: str
    digest: str


@dataclass(frozen=True)
class Failure:
    """A step that could not be done, and why."""

    step: Step
    error: BaseException

    @property
    def report(self) -> dict[str, str]:
        """Return it for the dataset's manifest."""
        unit = self.step.unit
        return {"record": unit.name, "stage": unit.stage, "reason": str(self.error)}


class StoreKey(CachePolicy):
    """Prefect's cache key of a task is its step's place in the store."""

    def compute_key(
        self,
        task_ctx: TaskRunContext,
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],
        **kwargs: Any,
    ) -> str | None:
        """Return the key: the store's folder and the step's."""
        return digest([str(inputs["store"].root), inputs["step"].unit.folder])


def step_task(
    name: str, **options: Any
) -> Callable[[Callable[[Step, Store], Ref]], Task[[Step, Store], Ref]]:
    """Return a decorator that makes a function around a step a Prefect task, cached by the store.

    Args:
        name: The task's name.
        **options: What else `prefect.task` takes.
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
    """Do a step, and return the reference to its output."""
    stored = step.run(store)
    return Ref(
        stage=step.unit.stage,
        name=step.unit.name,
        folder=step.unit.folder,
        key=stored.key,
        digest=stored.digest,
    )


def run_step(task: Task[[Step, Store], Ref], step: Step, store: Store) -> Stored:
    """Run the task of one step, and return the step's output.

    Raises:
        EcgError: The step cannot be done.
    """
    done, failed = run_steps(task, [step], store)
    if failed:
        raise failed[0].error
    return done[0]


def run_steps(
    task: Task[[Step, Store], Ref], steps: Sequence[Step], store: Store, label: str = ""
) -> tuple[list[Stored], list[Failure]]:
    """Run the tasks of many independent steps, and return outputs and failures, in order.

    A failure that belongs to the unit (a bad record) is returned; anything else (a full disk, a
    source that is down) is raised once the others are done.

    Args:
        task: The stage's task, which takes a step and the store.
        steps: The steps.
        store: Where their output goes.
        label: Name of the progress bar; "" shows none.
    """
    futures = []
    for step, stored in zip(steps, _look_up(steps, store), strict=True):
        # Prefect remembers that a task ran; only the store knows whether its files are there.
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
        logging.getLogger("ecg").warning("left out %(record)s: %(reason)s", failure.report)
    return done, failed


def _wait(future: Any) -> None:
    """Wait for a task; what interrupts the waiting ends the work too, which is in a thread."""
    try:
        future.wait()
    except BaseException:
        ask_to_stop()
        raise


def may_pass(_task: Any, _run: Any, state: Any) -> bool:
    """Return whether a failed task is worth another try (a Prefect retry condition)."""
    return isinstance(state.result(raise_on_failure=False), PassingSourceError)


def _look_up(steps: Sequence[Step], store: Store) -> list[Stored | None]:
    """Return what the store holds of the steps; their files are hashed side by side."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda step: store.get(step.unit), steps))


def _raise_what_is_not_the_units_fault(failed: Sequence[Failure]) -> None:
    for failure in failed:
        error = failure.error
        if not isinstance(error, EcgError) or isinstance(error, PassingSourceError | DiskFullError):
            raise error
