"""Train and register a model: fit -> evaluate -> report -> export -> log -> gate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prefect import flow
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

from ecgmodel.evaluation.wording import saved_weights
from ecgmodel.models.lineage import Start, trained_on
from ecgmodel.models.trained import NETWORK
from ecgmodel.settings.config import Settings
from ecgmodel.settings.preflight import check_places, check_test
from ecgmodel.steps.denoising import export_step
from ecgmodel.steps.training import (
    baseline_steps,
    evaluate_step,
    fit_step,
    report_step,
    shipped_steps,
    trained_window,
)
from ecgmodel.store import Store, Stored, read_stored
from flows.gate import Judged, judge
from flows.naming import concluded, named, this_flow_run, training
from flows.starting import checked_start
from flows.temporary_server import is_temporary
from tasks import promotion
from tasks import training as tasks
from tasks.caching import RUNNER, run_step, run_steps
from tasks.following import Following
from tasks.summaries import result_pictures, result_rows, training_summary
from tasks.tracking import Finished, LiveLog, Registry, Tracker, training_name


@dataclass(frozen=True)
class Training:
    """Result of a training: where its files, run and version are.

    Attributes:
        finished: Its settings and files.
        run_id: The MLflow run.
        tracker: The tracking store of that run.
        judged: The registered version, and the gate's decision.
    """

    finished: Finished
    run_id: str
    tracker: Tracker
    judged: Judged

    @property
    def dataset(self) -> Stored:
        """The dataset of training and test."""
        return self.finished.dataset

    @property
    def model(self) -> Stored:
        """`model.keras`, `model.weights.h5`, `history.json`."""
        return self.finished.model

    @property
    def report(self) -> Stored:
        """`report.html`, tables and figures."""
        return self.finished.report

    @property
    def outcome(self) -> str:
        """The result in one or two sentences."""
        if self.model.info["best_epoch"]:
            return self.judged.text
        return f"{self.judged.text} Saved: {saved_weights(self.model.info)}."


@flow(name="train", flow_run_name=named(training), task_runner=RUNNER)
def train(
    settings: Settings,
    dataset_folder: Path,
    trigger: str = "by hand",
) -> Training:
    """Train, evaluate, report, export, log and judge a network; results in the store are reused.

    Args:
        settings: All settings; `training.start_from` names the initial weights.
        dataset_folder: Folder of the dataset.
        trigger: What started the run.
    """
    check_places(settings)
    store = Store(settings.store)
    dataset = read_stored(dataset_folder)
    check_test(dataset, settings.evaluation, settings.resample.target)
    tracker = Tracker(settings.tracking, store)
    start = checked_start(settings, store, dataset)
    model, flow_run = fit(settings, dataset, tracker, start)
    report = measure(settings, dataset, model, store)
    exported = export(settings.evaluation.overlap, dataset, model, store)
    lineage = trained_on(dataset, start)
    finished = Finished(settings, dataset, model, exported, report, flow_run, trigger, lineage)
    run_id = tasks.retrying(tasks.log, settings.tracking)(finished, tracker)
    show(dataset, model, report, tracker, run_id)
    registry = Registry(tracker)
    if settings.gate.first_champion:
        tasks.retrying(promotion.ensure, settings.tracking)(registry, settings.gate.first_champion)
    version = tasks.retrying(promotion.register, settings.tracking)(finished, registry, run_id)
    judged = judge(settings, store, registry, version)
    result = Training(finished, run_id, tracker, judged)
    return concluded(result, result.outcome)


def show(dataset: Stored, model: Stored, report: Stored, tracker: Tracker, run_id: str) -> None:
    """Show a training on the flow run's page: summary, pictures and table."""
    summary = training_summary(dataset, model, report, run_id, tracker.uri)
    create_markdown_artifact(
        summary, key="training", description="The training and its test result."
    )
    create_markdown_artifact(
        result_pictures(report),
        key="pictures",
        description="Loss by epoch, SNR improvement, and segments before and after.",
    )
    create_table_artifact(
        result_rows(report), key="result", description="Test result by noise type and input SNR."
    )
    create_link_artifact(
        tracker.run_link(run_id),
        link_text="MLflow run",
        key="mlflow-run",
        description="The training in MLflow: settings, metrics, files and the model.",
    )


def fit(
    settings: Settings, dataset: Stored, tracker: Tracker, start: Start | None
) -> tuple[Stored, dict[str, str]]:
    """Return the trained network and the flow run that made it."""
    flow_run = this_flow_run()
    key = fit_step(dataset, settings, start=start).unit.key
    live = LiveLog(tracker, key, training_name(settings, dataset), dataset, flow_run)
    if is_temporary():  # it has no UI
        step = fit_step(dataset, settings, live, start)
        return run_step(tasks.fit, step, tracker.store), flow_run
    shown = Following(live, settings.training.epochs)
    made = run_step(tasks.fit, fit_step(dataset, settings, shown, start), tracker.store)
    shown.finish()
    return made, flow_run


def measure(settings: Settings, dataset: Stored, model: Stored, store: Store) -> Stored:
    """Return the report: the network, the classical filters and the shipped networks."""
    how = settings.evaluation
    baselines, failed = run_steps(tasks.evaluate, baseline_steps(dataset, how), store)
    for failure in failed:
        raise failure.error
    measured = run_step(tasks.evaluate, evaluate_step(model, dataset, how), store)
    shipped = {
        name: run_step(tasks.evaluate, step, store)
        for name, step in shipped_steps(dataset, how).items()
    }
    step = report_step(model, [*baselines, measured], dataset, settings, shipped)
    return run_step(tasks.report, step, store)


def export(overlap: float, dataset: Stored, model: Stored, store: Store) -> Stored:
    """Return a network as `model.onnx`."""
    step = export_step(model.file(NETWORK), trained_window(dataset), overlap)
    return run_step(tasks.export, step, store)
