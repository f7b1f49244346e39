"""The step that judges: two measured networks in, a verdict with table and figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecgmodel import benchmarks
from ecgmodel.config import Settings
from ecgmodel.quiet import import_keras
from ecgmodel.steps import Step, file_version
from ecgmodel.store import Stored, Unit
from ecgmodel.training_steps import STRETCHES
from ecgmodel.versions import code_version, library_versions

if TYPE_CHECKING:
    import pandas as pd

    from ecgmodel.promotion.judging import Candidate


@dataclass(frozen=True)
class Contender:
    """A network that stands before the gate.

    Attributes:
        name: What a person calls it.
        network: The unit with its `model.keras`.
        measured: How it does on the test.
        window: Samples that it sees at once.
        seen: Subjects that trained or validated it.
        protocols: By benchmark protocol, how it does there, for rules that need it.
    """

    name: str
    network: Stored
    measured: Stored
    window: int
    seen: frozenset[str]
    protocols: Mapping[str, Stored] = field(default_factory=dict)


def verdict_step(
    challenger: Contender,
    champion: Contender | None,
    floor: Stored,
    settings: Settings,
    notes: Sequence[str] = (),
) -> Step:
    """The verdict on a challenger.

    Args:
        challenger: Who wants to be champion.
        champion: Who is; None for a first model.
        floor: What the test is without any filter.
        settings: The gate's rules among them.
        notes: What is to be said of the test set and the champion.
    """
    sides = {"challenger": challenger, **({"champion": champion} if champion else {})}
    inputs = {"floor": floor.ref}
    for role, side in sides.items():
        inputs |= {f"{role} network": side.network.ref, f"{role} measured": side.measured.ref}
        inputs |= {f"{role} by {name}": s.ref for name, s in sorted(side.protocols.items())}
    unit = Unit(
        "verdict",
        " against ".join(side.name for side in sides.values()),
        {
            "gate": settings.gate.model_dump(mode="json"),
            "overlap": settings.evaluation.overlap,
            "sides": {r: [s.name, s.window, sorted(s.seen)] for r, s in sides.items()},
            "notes": list(notes),
        },
        inputs,
        {
            "modules": code_version(
                "ecgmodel.promotion.publishing",
                "ecgmodel.cost",
                *(f"ecgmodel.promotion.rules.{name}" for name in settings.gate.rules),
            ),
            "template": file_version("ecgmodel/promotion/verdict.html"),
            "page": file_version("ecgmodel/evaluation/page.html"),
            "libraries": library_versions("numpy", "pandas", "matplotlib", "jinja2"),
        },
    )
    return Step(unit, partial(_judge, challenger, champion, floor, settings, tuple(notes)))


def _judge(
    challenger: Contender,
    champion: Contender | None,
    floor: Stored,
    settings: Settings,
    notes: Sequence[str],
    into: Path,
) -> dict[str, Any]:
    from ecgmodel.promotion.judging import FIRST, Candidate, compare_sides, judge
    from ecgmodel.promotion.publishing import publish_verdict

    import_keras()
    new = _candidate(challenger, settings)
    old = _candidate(champion, settings) if champion else None
    none = Candidate(FIRST, _table(floor), None, frozenset())
    verdict = judge(new, old, none, settings.gate, notes)
    publish_verdict(verdict, compare_sides(new, old, none)[0], settings.gate, into)
    return {"promoted": verdict.promoted, "reason": verdict.reason}


def _candidate(side: Contender, settings: Settings) -> Candidate:
    from ecgmodel.architectures import load_network
    from ecgmodel.cost import network_cost
    from ecgmodel.promotion.judging import Candidate

    network = load_network(side.network.file("model.keras"))
    cost = network_cost(network, side.window, settings.evaluation.overlap)
    protocols = {}
    for name, rows in side.protocols.items():
        protocol: Any = benchmarks.load(name)
        protocols[name] = protocol.read_rows([rows])
    return Candidate(side.name, _table(side.measured), cost, side.seen, protocols)


def _table(measured: Stored) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(measured.file(STRETCHES))
