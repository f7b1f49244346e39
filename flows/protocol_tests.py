"""The tests of the benchmark protocols that rules of the gate need, from published recordings."""

from __future__ import annotations

from ecgmodel import benchmarks
from ecgmodel.config import Settings
from ecgmodel.promotion.judging import needed_protocols
from ecgmodel.store import Store, Stored

PUBLISHED = "physionet"


def protocol_tests(settings: Settings, store: Store) -> tuple[dict[str, Stored], tuple[str, ...]]:
    """Return the tests by protocol, and notes on those whose recordings are not to be had.

    A source of published recordings that is down is an error and no reason to leave a rule out.
    """
    from flows.benchmark import FlowWork  # it imports the training, which imports the gate

    needed = needed_protocols(*settings.gate.rules)
    if settings.source.kind != PUBLISHED:
        return {}, tuple(
            f"Not measured by {name}: recordings not available from source.kind="
            f"{settings.source.kind}."
            for name in needed
        )
    work = FlowWork(settings, store)
    modules = {name: benchmarks.load(name) for name in needed}
    return {name: m.prepare(work, m.RECORDINGS) for name, m in modules.items()}, ()
