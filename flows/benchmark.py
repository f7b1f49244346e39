"""All methods by one protocol: prepare its test -> (train) -> measure -> show -> log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prefect import flow
from prefect.artifacts import create_link_artifact, create_markdown_artifact

from ecgmodel import benchmarks
from ecgmodel.benchmarks._work import Recordings
from ecgmodel.config import Settings
from ecgmodel.errors import SettingsError, unknown_name
from ecgmodel.progress import bar
from ecgmodel.steps import Step, open_source
from ecgmodel.store import Store, Stored
from flows.given import GivenSettings
from flows.naming import benchmarking, concluded, named
from flows.prepare import fetch, list_records, prepare
from flows.train import this_flow_run
from tasks import benchmarks as tasks
from tasks import records
from tasks.caching import RUNNER, run_step, run_steps
from tasks.tracking import Tracker
from tasks.training import patient

STAGES: dict[str, Any] = {
    "resample": records.resample,
    "mix": records.mix,
    "prepare": tasks.prepare,
    "measure": tasks.measure,
}


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
    module = benchmarks.load(protocol)
    trains = module if isinstance(module, benchmarks.Trains) else None
    if retrain and trains is None:
        raise SettingsError(f"{protocol} trains nothing of its own: leave out --retrain.")
    known = trains.recipes() if trains and retrain else tuple(module.trained_models())
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
    module: benchmarks.Trains, work: FlowWork, prepared: Stored, names: Sequence[str], keep: bool
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


class FlowWork:
    """Does a protocol's steps as tasks of the flow that it is made in.

    Args:
        settings: All settings; recordings are PhysioNet's, whole.
        store: Where results go.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        source = {"kind": "physionet", "whole_files": True}
        own = settings.source.model_copy(update=source)
        self.settings, self.store = settings.model_copy(update={"source": own}), store

    def dataset(self, settings: Settings) -> Stored:
        """Return the dataset that settings describe."""
        return prepare(settings, announce=False)

    def download(self, recordings: Recordings) -> dict[str, list[Stored]]:
        """Return whole records, by database."""
        return {name: self._database(name, tuple(names)) for name, names in recordings.items()}

    def do(self, stage: str, steps: Sequence[Step]) -> list[Stored]:
        """Return the outputs of independent steps, in order."""
        if stage == "measure":
            return self._one_by_one(stage, steps)
        done, failed = run_steps(STAGES[stage], steps, self.store, stage if len(steps) > 1 else "")
        for failure in failed:
            raise failure.error
        return done

    def _one_by_one(self, stage: str, steps: Sequence[Step]) -> list[Stored]:
        """Do steps alone: how fast they are is part of what they give."""
        done = []
        with bar(len(steps), stage, "method") as shown:
            for step in steps:
                done.append(run_step(STAGES[stage], step, self.store))
                shown.update()
        return done

    def _database(self, name: str, records: tuple[str, ...]) -> list[Stored]:
        source = open_source(self.settings, name, self.store)
        listed = [(source, r) for r in list_records(source, name, records, self.settings)]
        done, failed = fetch(listed, self.settings, self.store, f"download {name}", is_noise=True)
        for failure in failed:
            raise failure.error
        return done
