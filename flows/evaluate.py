"""A saved network, wherever it comes from, measured on a dataset's test split."""

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


@flow(name="evaluate", flow_run_name=named(evaluating), task_runner=RUNNER)
def evaluate(settings: Settings, model: Path, dataset_folder: Path) -> str:
    """Return the result table of a `.keras` file beside the classical methods."""
    store = Store(settings.store)
    dataset = read_stored(dataset_folder)
    baselines, failed = run_steps(tasks.evaluate, baseline_steps(dataset, settings), store)
    for failure in failed:
        raise failure.error
    measured = run_step(tasks.evaluate, measure_file_step(model, dataset, settings), store)
    text = result_text([*baselines, measured], settings)
    create_markdown_artifact(
        f"# {model}\n\n```\n{text}\n```",
        key="evaluation",
        description=f"{model.name} beside the classical filters, on the test.",
    )
    return text
