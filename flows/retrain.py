"""Retrain by hand, on a schedule or on an event: prepare -> train -> compare with the champion."""

from __future__ import annotations

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.context import FlowRunContext

from ecgmodel.store import Store, Stored, read_stored
from ecgmodel.training.settings import CHAMPION
from flows.given import GivenDataset, GivenSettings
from flows.naming import concluded, named, retraining
from flows.prepare import prepare
from flows.starting import checked_start
from flows.train import Training, train
from tasks.caching import RUNNER
from tasks.summaries import outcome
from tasks.tracking import Registry, Tracker, Version


@flow(name="retrain", flow_run_name=named(retraining), task_runner=RUNNER)
def retrain(
    settings: GivenSettings,
    dataset: GivenDataset = None,
    trigger: str = "",
) -> Training | None:
    """Train on the current dataset, register the result and compare it with the champion.

    Two simultaneous events train once: the second run finds the training in the store.

    Args:
        settings: Settings that differ from the service's, e.g. {"training": {"epochs": 3}};
            training.start_from names the initial weights.
        dataset: Folder of an existing dataset; None prepares the one of the settings.
        trigger: What started the run, for its page and MLflow; None detects it.

    Returns:
        The training; None if the champion was already trained on this dataset.
    """
    trigger = trigger or this_trigger()
    create_markdown_artifact(
        f"Started {trigger}.", key="trigger", description="What started this run."
    )
    store = Store(settings.store)
    checked_start(settings, store)
    prepared = read_stored(dataset) if dataset else prepare(settings, announce=False)
    if settings.training.start_from == CHAMPION:
        champion = Registry(Tracker(settings.tracking, store)).champion()
        if champion and knows(champion, prepared):
            text = f"The champion, version {champion.number}, was already trained on this dataset."
            return concluded(None, f"{text} There is nothing new to learn from.")
    made = train(settings, prepared.path, trigger)
    create_markdown_artifact(
        outcome(made.report, made.outcome, made.tracker.run_link(made.run_id)),
        key="outcome",
        description="Result of the retraining.",
    )
    return concluded(made, made.outcome)


def this_trigger() -> str:
    """Return what started the current flow run."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run and run.auto_scheduled:
        return "on schedule"
    return "by hand on the server" if run and run.deployment_id else "by hand"


def knows(champion: Version, dataset: Stored) -> bool:
    """Return whether a version was trained on a dataset."""
    return champion.dataset == dataset.digest[:12]
