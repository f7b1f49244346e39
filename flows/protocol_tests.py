"""The tests of the benchmark protocols that rules of the gate need, from published recordings."""

from __future__ import annotations

from ecgmodel import benchmarks
from ecgmodel.config import Settings
from ecgmodel.promotion.judging import needed_protocols
from ecgmodel.store import Store, Stored


def protocol_tests(settings: Settings, store: Store) -> dict[str, Stored]:
    """Return the tests by protocol, from `source.base_url` whatever the training's source is."""
    from flows.benchmark import FlowWork  # it imports the training, which imports the gate

    work = FlowWork(settings, store)
    modules = {name: benchmarks.load(name) for name in needed_protocols(*settings.gate.rules)}
    return {name: m.prepare(work, m.RECORDINGS) for name, m in modules.items()}
