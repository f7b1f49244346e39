"""The gate: a challenger takes the champion's place only if it is proven better on one test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.artifacts import create_markdown_artifact

from ecgmodel.models.trained import NETWORK
from ecgmodel.promotion.judging import Verdict
from ecgmodel.promotion.steps import Contender, OnTest, verdict_step
from ecgmodel.protocols import load as load_protocol
from ecgmodel.settings.config import Settings
from ecgmodel.settings.gate import CHALLENGER, CHAMPION
from ecgmodel.steps.training import MODEL, SHIPPED, baseline_steps, measure_file_step
from ecgmodel.store import Store, Stored, read_stored
from flows.protocol_tests import protocol_tests
from flows.temporary_server import is_temporary
from tasks import promotion as tasks
from tasks import training
from tasks.benchmarks import measure as measure_by_protocol
from tasks.caching import run_step, run_steps
from tasks.events import MODEL_PROMOTED, MODEL_REFUSED, emit_once
from tasks.pictures import picture
from tasks.tracking import TAKEN_BACK, Registry, Version, lineage


@dataclass(frozen=True)
class Judged:
    """What the gate said of a version.

    Attributes:
        version: The version's number.
        champion: The champion's number after it, None if there is none.
        verdict: The verdict; None where there was nothing to judge.
        report: The folder with the verdict's table and figure; None where there is none.
        text: A sentence for people.
    """

    version: int
    champion: int | None
    verdict: Verdict | None
    report: Path | None
    text: str


def judge(settings: Settings, store: Store, registry: Registry, challenger: Version) -> Judged:
    """Judge a version against the champion on the same frozen test, and promote it if it won."""
    champion, notes = find_champion(registry)
    if champion and champion.number == challenger.number:
        finish(store, registry, champion)
        text = f"version {challenger.number} is the champion already"
        return Judged(challenger.number, champion.number, None, None, text)
    test, more = choose_test(settings, registry, challenger, champion)
    protocols = protocol_tests(settings, store)
    contenders = [
        measure(settings, store, registry, version, test, protocols)
        for version in (challenger, champion)
        if version
    ]
    new, old = contenders[0], contenders[1] if champion else None
    judging, reported = tested(settings, store, test, new.measured), None
    own = read_stored(registry.dataset(challenger))
    if own.digest != test.digest:
        step = measure_file_step(new.network.file(NETWORK), own, settings, new.window)
        measured = run_step(training.evaluate, step, store)
        reported = tested(settings, store, own, measured)
    step = verdict_step(new, old, judging, settings, (*notes, *more), reported)
    report = run_step(tasks.judge, step, store)
    verdict = Verdict.from_json(report.file("verdict.json").read_text())
    return conclude(store, registry, challenger, champion, verdict, report)


def tested(settings: Settings, store: Store, test: Stored, measured: Stored) -> OnTest:
    """Return a test with what the classical methods do there, beside what a network does."""
    done, failed = run_steps(training.evaluate, baseline_steps(test, settings), store)
    for failure in failed:
        raise failure.error
    names = settings.evaluation.baselines
    return OnTest(name_of(test), dict(zip(names, done, strict=True)), measured)


def name_of(test: Stored) -> str:
    """Return what a person calls a dataset."""
    return f"{test.name} {test.digest[:8]}"


def find_champion(registry: Registry) -> tuple[Version | None, tuple[str, ...]]:
    """Return the champion; where its version is gone, the last champion that is still there."""
    champion, history = registry.champion(), registry.history()
    if champion or not history:
        return champion, ()
    gone = history[-1].version
    there = {version.number: version for version in registry.versions()}
    line = [there[change.version] for change in history if change.version in there]
    if not line:
        return None, (f"The champion, version {gone}, is gone, and so is every one before it.",)
    note = f"The champion, version {gone}, is gone; version {line[-1].number} stands in for it."
    return line[-1], (note,)


def choose_test(
    settings: Settings, registry: Registry, challenger: Version, champion: Version | None
) -> tuple[Stored, tuple[str, ...]]:
    """Return the dataset whose test split judges both, and what is to be said of the choice.

    It is the one that the settings name, else the champion's, so that one test set stays in use. A
    champion that is shipped has none.
    """
    own, chosen = read_stored(registry.dataset(challenger)), settings.gate.test_set
    if chosen not in (None, CHAMPION, CHALLENGER):
        named = read_stored(Path(chosen))
        return named, (f"Test set: {name_of(named)}, as gate.test_set says.",)
    if chosen == CHALLENGER:
        return own, (f"Test set: the challenger's, {name_of(own)}, as gate.test_set says.",)
    if champion is None or champion.dataset == challenger.dataset:
        return own, ()
    if champion.is_shipped:
        return own, (
            f"Version {champion.number} comes with the package and has no test of its own: the "
            f"challenger's, {name_of(own)}, judges both.",
        )
    try:
        theirs = read_stored(registry.dataset(champion))
    except (OSError, ValueError):
        return own, (
            f"The champion's dataset {champion.dataset} is not at {champion.folder} any more; "
            "the challenger's test set is used for both.",
        )
    if theirs.info["source"]["simulated"] and not own.info["source"]["simulated"]:
        return own, ("The champion was tested on simulated data; the real test set is used.",)
    return theirs, (f"Test set: the champion's, {name_of(theirs)}.",)


def measure(
    settings: Settings,
    store: Store,
    registry: Registry,
    version: Version,
    test: Stored,
    protocols: Mapping[str, Stored],
) -> Contender:
    """Return how a version does on the test, with its network and who it was trained on.

    Args:
        settings: All settings.
        store: The store.
        registry: Where the version is.
        version: Which.
        test: The dataset whose test split judges.
        protocols: By benchmark protocol that a rule needs, its test.
    """
    network = training.patient(tasks.fetch, settings)(version, registry, store)
    label = SHIPPED if version.is_shipped else MODEL  # whose row the report has, too
    step = measure_file_step(network.file(NETWORK), test, settings, version.window, label)
    measured = run_step(training.evaluate, step, store)
    origin = lineage(registry, version)
    model, overlap = network.file(NETWORK), settings.evaluation.overlap
    results = {}
    for protocol, prepared in protocols.items():
        module: Any = load_protocol(protocol)
        step = module.network_step(MODEL, model, version.window, prepared, overlap)
        results[protocol] = run_step(measure_by_protocol, step, store)
    name = f"version {version.number}"
    return Contender(
        name,
        network,
        measured,
        version.window,
        frozenset(origin.seen),
        results,
        origin.simulated,
        origin.unknown,
    )


def conclude(
    store: Store,
    registry: Registry,
    challenger: Version,
    champion: Version | None,
    verdict: Verdict,
    report: Stored,
) -> Judged:
    """Promote or refuse, log the verdict with the version, and show it on the run's page."""
    reason, promoted = verdict.reason, verdict.promoted
    if promoted and (taken_back := challenger.tags.get(TAKEN_BACK)):
        promoted = False
        reason = f"It won, but was taken back before ({taken_back}): promote it by hand."
    with registry.tracker.reached("The verdict"):
        registry.log_verdict(challenger, report, promoted, reason)
    text = f"version {challenger.number} {'in use' if promoted else 'refused'}: {reason}"
    show(report, f"Version {challenger.number} {'in use' if promoted else 'refused'}: why.")
    now = champion.number if champion else None
    if promoted:
        now = tasks.promote(challenger, registry, "gate", reason).version
    announce(store, registry, challenger, now, promoted, reason)
    return Judged(challenger.number, now, verdict, report.path, text)


def announce(
    store: Store, registry: Registry, version: Version, now: int | None, promoted: bool, reason: str
) -> None:
    """Tell the server what became of a version, once."""
    if not is_temporary():
        facts = {"version": version.number, "champion": now, "reason": reason}
        name = MODEL_PROMOTED if promoted else MODEL_REFUSED
        emit_once(name, f"ecg.model.{registry.name}.{version.number}", facts, store)


def finish(store: Store, registry: Registry, champion: Version) -> None:
    """Finish a promotion that a kill interrupted: what its history says comes true, and is told."""
    history = registry.history()
    if history and (last := history[-1]).version == champion.number:
        tasks.promote(champion, registry, last.how, last.reason)
        if last.how == "gate":
            announce(store, registry, champion, champion.number, True, last.reason)


def show(report: Stored, description: str) -> None:
    """Show a verdict on the flow run's page: why, the figure, the rules, the cells."""
    why, rules, rest = report.file("verdict.md").read_text().partition("\n| rule |")
    figure = picture(report.file("verdict.png"), "Gain of the challenger, by noise type and SNR.")
    create_markdown_artifact(
        f"{why}\n{figure}\n{rules}{rest}", key="verdict", description=description
    )
