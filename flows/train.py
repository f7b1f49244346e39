"""A dataset becomes a tested and logged network: train -> evaluate -> report -> log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prefect import flow, runtime
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

from ecgmodel.config import Settings
from ecgmodel.store import Store, Stored, read_stored
from ecgmodel.training_steps import baseline_steps, evaluate_step, fit_step, report_step
from flows.temporary_server import is_temporary
from tasks import training as tasks
from tasks.caching import RUNNER, run_step, run_steps
from tasks.summaries import result_rows, training_summary
from tasks.tracking import Finished, LiveLog, Tracker, training_name


@dataclass(frozen=True)
class Training:
    """What a training flow gives: where everything lies.

    Attributes:
        dataset: What it was trained and tested on.
        model: `model.keras`, `model.weights.h5`, `history.json`.
        report: `report.html`, tables and figures.
        run_id: The MLflow run.
        tracker: Where that run is.
    """

    dataset: Stored
    model: Stored
    report: Stored
    run_id: str
    tracker: Tracker


@flow(name="train", task_runner=RUNNER)
def train(settings: Settings, dataset_folder: Path) -> Training:
    """Train, evaluate, report and log a network, doing only what was not done before."""
    store = Store(settings.store)
    dataset = read_stored(dataset_folder)
    tracker = Tracker(settings.tracking, store)
    flow_run = this_flow_run()
    step = fit_step(dataset, settings)
    name = training_name(settings, dataset)
    live = LiveLog(tracker, step.unit.key, name, dataset, flow_run)
    model = run_step(tasks.fit, fit_step(dataset, settings, live), store)
    baselines, failed = run_steps(tasks.evaluate, baseline_steps(dataset, settings), store)
    for failure in failed:
        raise failure.error
    measured = run_step(tasks.evaluate, evaluate_step(model, dataset, settings), store)
    report = run_step(
        tasks.report, report_step(model, [*baselines, measured], dataset, settings), store
    )
    finished = Finished(settings, dataset, model, report, flow_run)
    run_id = tasks.log(finished, tracker)
    summary = training_summary(dataset, model, report, run_id, tracker.uri)
    create_markdown_artifact(summary, key="training")
    create_table_artifact(result_rows(report), key="result")
    create_link_artifact(tracker.run_link(run_id), link_text="MLflow run", key="mlflow-run")
    return Training(dataset, model, report, run_id, tracker)


def this_flow_run() -> dict[str, str]:
    """Return the id, name and address of the flow run that this code is part of."""
    run = runtime.flow_run
    known = {"id": run.id, "name": run.name, "url": None if is_temporary() else run.ui_url}
    # A temporary server has no pages; for one of its own Prefect writes "None" for their address.
    return {n: str(v) for n, v in known.items() if v and not str(v).startswith("None")}
