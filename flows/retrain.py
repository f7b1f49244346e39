"""A new training by hand, on a schedule or because of an event: prepare -> train -> judge."""

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
    """Train on the dataset as it is now, register the result, and judge it.

    Two events at once do not train twice: the second finds the first one's training in the store.

    Args:
        settings: What differs from the service's own, e.g. {"training": {"epochs": 3}};
            training.start_from says which weights to start from.
        dataset: Folder of a dataset that is there; none: prepare what the settings describe.
        trigger: What asked for it, for its page and the MLflow run; none: found out.

    Returns:
        The training; None where the champion knows the dataset already.
    """
    trigger = trigger or this_trigger()
    create_markdown_artifact(
        f"Asked for {trigger}.", key="trigger", description="Why this run was started."
    )
    store = Store(settings.store)
    checked_start(settings, store)
    prepared = read_stored(dataset) if dataset else prepare(settings, announce=False)
    if settings.training.start_from == CHAMPION:
        champion = Registry(Tracker(settings.tracking, store)).champion()
        if champion and knows(champion, prepared):
            text = f"The champion, version {champion.number}, was trained on this dataset already."
            return concluded(None, f"{text} There is nothing new to learn.")
    made = train(settings, prepared.path, trigger)
    create_markdown_artifact(
        outcome(made.report, made.outcome, made.tracker.run_link(made.run_id)),
        key="outcome",
        description="What came of it.",
    )
    return concluded(made, made.outcome)


def this_trigger() -> str:
    """Return what asked for the flow run that this code is part of."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run and run.auto_scheduled:
        return "on schedule"
    return "by hand on the server" if run and run.deployment_id else "by hand"


def knows(champion: Version, dataset: Stored) -> bool:
    """Return whether a version was trained on a dataset."""
    return champion.dataset == dataset.digest[:12]
