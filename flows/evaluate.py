"""Evaluate any saved network on a dataset's test split."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from ecgmodel.settings.config import Settings
from ecgmodel.steps.training import baseline_steps, measure_file_step, result_text
from ecgmodel.store import Store, read_stored
from flows.naming import evaluating, named
from tasks import training as tasks
from tasks.caching import RUNNER, run_step, run_steps
from tasks.models import window_of


@flow(name="evaluate", flow_run_name=named(evaluating), task_runner=RUNNER)
def evaluate(settings: Settings, model: Path, dataset_folder: Path) -> str:
    """Return the result table of a `.keras` file and the classical filters."""
    store, how = Store(settings.store), settings.evaluation
    dataset = read_stored(dataset_folder)
    baselines, failed = run_steps(tasks.evaluate, baseline_steps(dataset, how), store)
    for failure in failed:
        raise failure.error
    step = measure_file_step(model, dataset, how, window_of(model, settings.mix))
    measured = run_step(tasks.evaluate, step, store)
    text = result_text([*baselines, measured], how)
    create_markdown_artifact(
        f"# {model}\n\n```\n{text}\n```",
        key="evaluation",
        description=f"{model.name} and the classical filters on the test split.",
    )
    return text
