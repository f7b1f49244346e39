"""All methods by one protocol: prepare its test -> (train) -> measure -> show -> log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prefect import flow
from prefect.artifacts import create_link_artifact, create_markdown_artifact

from ecgmodel import protocols
from ecgmodel.errors import MissingFileError, SettingsError, unknown_name
from ecgmodel.models.trained import FOLDER
from ecgmodel.store import Store, Stored
from ecgmodel.support.places import ROOT
from flows.given import GivenSettings
from flows.naming import benchmarking, concluded, named, this_flow_run
from flows.protocol_work import FlowWork
from tasks import benchmarks as tasks
from tasks.caching import RUNNER, run_step
from tasks.tracking import Tracker
from tasks.training import patient


@dataclass(frozen=True)
class Benchmarked:
    """What a benchmark gives.

    Attributes:
        page: `benchmark.html`, `benchmark.md`, tables.
        run_id: The MLflow run.
        tracker: Where that run is.
    """

    page: Stored
    run_id: str
    tracker: Tracker


@flow(name="benchmark", flow_run_name=named(benchmarking), task_runner=RUNNER)
def benchmark(
    protocol: str,
    quick: bool = False,
    retrain: bool = False,
    keep: bool = False,
    models: tuple[str, ...] = (),
    *,
    settings: GivenSettings,
) -> Benchmarked:
    """Measure all methods by a protocol, doing only what was not done before.

    Args:
        protocol: Its name, e.g. "qt-bw".
        quick: Take few records: a minute's check, whose numbers are not the benchmark's.
        retrain: Train the project's networks again instead of taking the committed ones.
        keep: Put what was trained in their place.
        models: Networks by name; none for all.
        settings: What differs from the service's own; recordings come from `source.base_url`.
    """
    if quick and retrain:
        raise SettingsError("The quick version has nobody to train on: leave out one of the two.")
    module = protocols.load(protocol)
    trains = module if isinstance(module, protocols.Trains) else None
    if retrain and trains is None:
        raise SettingsError(f"{protocol} trains nothing of its own: leave out --retrain.")
    known = trains.recipes() if trains and retrain else tuple(module.trained_models())
    if not known and not (ROOT / FOLDER).is_dir():
        raise MissingFileError(
            f"There is no network for {protocol} in {ROOT / FOLDER}. They are in the project's "
            "repository and not in the installed package: run this from a checkout."
        )
    names = _chosen(models, known)
    store = Store(settings.store)
    work = FlowWork(settings, store)
    prepared = module.prepare(work, module.QUICK if quick else module.RECORDINGS)
    if trains and retrain:
        networks = _train(trains, work, prepared, names, keep)
    else:
        networks = {name: module.trained_models()[name] for name in names}
    measured = work.do("measure", module.method_steps(prepared, networks))
    page = run_step(tasks.show, module.page_step(measured, quick), store)
    create_markdown_artifact(
        page.file("benchmark.md").read_text(),
        key="benchmark",
        description=f"Every method by {protocol}, beside what was published.",
    )
    tracker = Tracker(settings.tracking, store)
    run_id = patient(tasks.log, settings)(page, tracker, this_flow_run())
    create_link_artifact(
        tracker.run_link(run_id),
        link_text="MLflow run",
        key="mlflow-run",
        description="The benchmark in MLflow: metrics and files.",
    )
    return concluded(Benchmarked(page, run_id, tracker), str(page.info["title"]))


def _train(
    module: protocols.Trains, work: FlowWork, prepared: Stored, names: Sequence[str], keep: bool
) -> Mapping[str, Any]:
    """Return networks trained again, by name."""
    steps = module.fit_steps(work, prepared, names)
    # One after another: each takes all processors.
    fitted = [run_step(tasks.train, step, work.store) for step in steps]
    made = module.fitted_models(names, fitted)
    if keep:
        module.keep(made)
    return made


def _chosen(models: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    for name in models:
        if name not in known:
            raise unknown_name("network", name, known)
    return tuple(name for name in known if not models or name in models)
