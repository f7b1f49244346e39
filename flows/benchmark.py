"""Every method on one benchmark protocol: prepare test -> (train) -> measure -> report -> log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prefect import flow
from prefect.artifacts import create_link_artifact, create_markdown_artifact

from ecgmodel import protocols
from ecgmodel.errors import MissingFileError, SettingsError, unknown_name
from ecgmodel.models.trained import FOLDER
from ecgmodel.protocols._methods import Network, Networks
from ecgmodel.store import Store, Stored
from ecgmodel.support.paths import ROOT
from flows.given import GivenSettings
from flows.naming import benchmarking, concluded, named, this_flow_run
from flows.protocol_work import FlowWork
from tasks import benchmarks as tasks
from tasks.caching import RUNNER, run_step
from tasks.tracking import Tracker
from tasks.training import retrying


@dataclass(frozen=True)
class Benchmarked:
    """Result of a benchmark.

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
    """Measure every method on a protocol; results that are in the store are reused.

    Args:
        protocol: Its name, e.g. "qt-bw".
        quick: Use a few records only: a check of a minute, not a result to quote.
        retrain: Train the project's networks again instead of using the committed ones.
        keep: Replace the committed networks by the newly trained ones.
        models: Names of networks; empty for all.
        settings: Settings that differ from the service's; recordings come from `source.base_url`.
    """
    if quick and retrain:
        raise SettingsError("--quick has no training records. Leave out --quick or --retrain.")
    one = protocols.load(protocol)
    if retrain and not one.trains:
        raise SettingsError(f"{protocol} trains no networks. Leave out --retrain.")
    known = one.networks.names() if retrain else tuple(one.networks.kept())
    if not known and not (ROOT / FOLDER).is_dir():
        raise MissingFileError(
            f"The networks for {protocol} are in the folder {FOLDER} of a checkout and not in the "
            "installed package. Run this from a checkout."
        )
    names = _chosen(models, known)
    store = Store(settings.store)
    work = FlowWork(settings, store)
    prepared = one.prepared(work, quick)
    if retrain:
        networks = _train(one.networks, work, prepared, names, keep)
    else:
        networks = {name: network for name, network in one.networks.kept().items() if name in names}
    measured = work.do("measure", one.method_steps(prepared, networks))
    page = run_step(tasks.show, one.page_step(measured, quick), store)
    create_markdown_artifact(
        page.file("benchmark.md").read_text(),
        key="benchmark",
        description=f"Every method by {protocol}, beside what was published.",
    )
    tracker = Tracker(settings.tracking, store)
    run_id = retrying(tasks.log, settings.tracking)(page, tracker, this_flow_run())
    create_link_artifact(
        tracker.run_link(run_id),
        link_text="MLflow run",
        key="mlflow-run",
        description="The benchmark in MLflow: metrics and files.",
    )
    return concluded(Benchmarked(page, run_id, tracker), str(page.info["title"]))


def _train(
    known: Networks, work: FlowWork, prepared: Stored, names: Sequence[str], keep: bool
) -> Mapping[str, Network]:
    """Train networks again and return them by name."""
    steps = known.fit_steps(work, prepared, names)
    # One after another: each uses all cores.
    fitted = [run_step(tasks.train, step, work.store) for step in steps]
    made = known.fitted(names, fitted)
    if keep:
        known.keep(made)
    return made


def _chosen(models: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    for name in models:
        if name not in known:
            raise unknown_name("network", name, known)
    return tuple(name for name in known if not models or name in models)
