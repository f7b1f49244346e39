"""The gate: a challenger replaces the champion only if it is proven better on the same test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prefect.artifacts import create_markdown_artifact

from ecgmodel.evaluation.settings import EvaluationSettings
from ecgmodel.models.trained import NETWORK
from ecgmodel.promotion.judging import Verdict
from ecgmodel.promotion.steps import Contender, OnTest, verdict_step
from ecgmodel.protocols import load as load_protocol
from ecgmodel.protocols._methods import Network
from ecgmodel.settings.config import Settings
from ecgmodel.settings.gate import CHALLENGER, CHAMPION, GateSettings
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
    """The gate's decision on a version.

    Attributes:
        version: The version's number.
        champion: Number of the champion after the decision, None without one.
        verdict: The verdict; None if the version is already the champion.
        report: Folder with the verdict's table and figure; None without a verdict.
        text: The decision as a sentence.
    """

    version: int
    champion: int | None
    verdict: Verdict | None
    report: Path | None
    text: str


def judge(settings: Settings, store: Store, registry: Registry, challenger: Version) -> Judged:
    """Compare a version with the champion on one test, and promote it if proven better."""
    champion, notes = find_champion(registry)
    if champion and champion.number == challenger.number:
        finish(store, registry, champion)
        text = f"version {challenger.number} is already the champion"
        return Judged(challenger.number, champion.number, None, None, text)
    test, more = choose_test(settings.gate, registry, challenger, champion)
    protocols = protocol_tests(settings, store)
    contenders = [
        measure(settings, store, registry, version, test, protocols)
        for version in (challenger, champion)
        if version
    ]
    new, old = contenders[0], contenders[1] if champion else None
    judging, reported = tested(settings.evaluation, store, test, new.measured), None
    own = read_stored(registry.dataset(challenger))
    if own.digest != test.digest:
        step = measure_file_step(new.network.file(NETWORK), own, settings.evaluation, new.window)
        measured = run_step(training.evaluate, step, store)
        reported = tested(settings.evaluation, store, own, measured)
    step = verdict_step(
        new, old, judging, settings.gate, settings.evaluation, (*notes, *more), reported
    )
    report = run_step(tasks.judge, step, store)
    verdict = Verdict.from_json(report.file("verdict.json").read_text())
    return conclude(store, registry, challenger, champion, verdict, report)


def tested(how: EvaluationSettings, store: Store, test: Stored, measured: Stored) -> OnTest:
    """Return a test set with the results of the classical filters and of a network."""
    done, failed = run_steps(training.evaluate, baseline_steps(test, how), store)
    for failure in failed:
        raise failure.error
    return OnTest(name_of(test), dict(zip(how.baselines, done, strict=True)), measured)


def name_of(test: Stored) -> str:
    """Return a dataset's display name."""
    return f"{test.name} {test.digest[:8]}"


def find_champion(registry: Registry) -> tuple[Version | None, tuple[str, ...]]:
    """Return the champion; if its version was deleted, the most recent one that still exists."""
    champion, history = registry.champion(), registry.history()
    if champion or not history:
        return champion, ()
    gone = history[-1].version
    there = {version.number: version for version in registry.versions()}
    line = [there[change.version] for change in history if change.version in there]
    if not line:
        return None, (f"The champion, version {gone}, and all champions before it were deleted.",)
    note = f"The champion, version {gone}, was deleted; version {line[-1].number} is used instead."
    return line[-1], (note,)


def choose_test(
    gate: GateSettings, registry: Registry, challenger: Version, champion: Version | None
) -> tuple[Stored, tuple[str, ...]]:
    """Return the dataset whose test split is used for both, and notes on the choice.

    By default it is the champion's, so that the test set stays the same from version to version.
    The shipped network has none; then it is the challenger's.
    """
    own, chosen = read_stored(registry.dataset(challenger)), gate.test_set
    if chosen not in (None, CHAMPION, CHALLENGER):
        named = read_stored(Path(chosen))
        return named, (f"Test set: {name_of(named)}, set by gate.test_set.",)
    if chosen == CHALLENGER:
        return own, (f"Test set: the challenger's, {name_of(own)}, set by gate.test_set.",)
    if champion is None or champion.dataset == challenger.dataset:
        return own, ()
    if champion.is_shipped:
        return own, (
            f"Version {champion.number} is shipped with the package and has no test set; the "
            f"challenger's, {name_of(own)}, is used for both.",
        )
    try:
        theirs = read_stored(registry.dataset(champion))
    except (OSError, ValueError):
        return own, (
            f"The champion's dataset {champion.dataset} is no longer at {champion.folder}; "
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
    """Evaluate a version on the test set.

    Args:
        settings: All settings.
        store: The store.
        registry: The model registry.
        version: The version.
        test: The dataset whose test split is used.
        protocols: The prepared test of each benchmark protocol that a rule needs.

    Returns:
        The results, with the network and the subjects that it was trained on.
    """
    network = training.retrying(tasks.fetch, settings.tracking)(version, registry, store)
    label = SHIPPED if version.is_shipped else MODEL  # its row is in the report, too
    step = measure_file_step(
        network.file(NETWORK), test, settings.evaluation, version.window, label
    )
    measured = run_step(training.evaluate, step, store)
    origin = lineage(registry, version)
    model, overlap = network.file(NETWORK), settings.evaluation.overlap
    results = {}
    for protocol, prepared in protocols.items():
        applied = Network((model,), version.window, overlap)
        step = load_protocol(protocol).network_step(MODEL, applied, prepared)
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
    """Promote or refuse the challenger, log the verdict and show it on the run's page."""
    reason, promoted = verdict.reason, verdict.promoted
    if promoted and (taken_back := challenger.tags.get(TAKEN_BACK)):
        promoted = False
        reason = (
            f"It is better, but was rolled back before ({taken_back}). To use it all the same, "
            "promote it by hand."
        )
    with registry.tracker.reached("The verdict"):
        registry.log_verdict(challenger, report, promoted, reason)
    text = f"version {challenger.number} {'in use' if promoted else 'refused'}: {reason}"
    show(report, f"Version {challenger.number} {'in use' if promoted else 'refused'}: reasons.")
    now = champion.number if champion else None
    if promoted:
        now = tasks.promote(challenger, registry, "gate", reason).version
    announce(store, registry, challenger, now, promoted, reason)
    return Judged(challenger.number, now, verdict, report.path, text)


def announce(
    store: Store, registry: Registry, version: Version, now: int | None, promoted: bool, reason: str
) -> None:
    """Emit the event of a promotion or refusal, once per version."""
    if not is_temporary():
        facts = {"version": version.number, "champion": now, "reason": reason}
        name = MODEL_PROMOTED if promoted else MODEL_REFUSED
        emit_once(name, f"ecg.model.{registry.name}.{version.number}", facts, store)


def finish(store: Store, registry: Registry, champion: Version) -> None:
    """Complete a promotion that was interrupted after it was written into the history."""
    history = registry.history()
    if history and (last := history[-1]).version == champion.number:
        tasks.promote(champion, registry, last.how, last.reason)
        if last.how == "gate":
            announce(store, registry, champion, champion.number, True, last.reason)


def show(report: Stored, description: str) -> None:
    """Show a verdict on the flow run's page: reason, figure, rules, results by noise and SNR."""
    why, rules, rest = report.file("verdict.md").read_text().partition("\n| rule |")
    figure = picture(
        report.file("verdict.png"),
        "Challenger minus champion: SNR improvement by noise type and SNR.",
    )
    create_markdown_artifact(
        f"{why}\n{figure}\n{rules}{rest}", key="verdict", description=description
    )
