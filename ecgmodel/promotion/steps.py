"""The step of the verdict: compares two evaluated networks, and writes table and figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecgmodel.evaluation.settings import EvaluationSettings
from ecgmodel.protocols import load as load_protocol
from ecgmodel.settings.gate import GateSettings
from ecgmodel.steps.data import Step, file_version
from ecgmodel.steps.training import SEGMENTS
from ecgmodel.store import Stored, Unit
from ecgmodel.store.versions import code_version, library_versions
from ecgmodel.support.quiet import import_keras

if TYPE_CHECKING:
    import pandas as pd

    from ecgmodel.promotion.judging import Candidate

NO_FILTER = "none"


@dataclass(frozen=True)
class Contender:
    """A network to be compared by the gate.

    Attributes:
        name: Display name.
        network: The unit with its `model.keras`.
        measured: Its evaluation on the test.
        window: Window of the network, samples.
        seen: Subjects of its training and validation.
        protocols: Evaluations by benchmark protocol, for rules that need them.
        simulated: Whether its last training was on simulated recordings.
        unknown: File of its initial weights if their training subjects are unknown; else "".
    """

    name: str
    network: Stored
    measured: Stored
    window: int
    seen: frozenset[str]
    protocols: Mapping[str, Stored] = field(default_factory=dict)
    simulated: bool = False
    unknown: str = ""


@dataclass(frozen=True)
class OnTest:
    """A test with its evaluations.

    Attributes:
        name: Display name.
        filters: Evaluation of each classical method, including "none" (no filter).
        measured: Evaluation of the challenger.
    """

    name: str
    filters: Mapping[str, Stored]
    measured: Stored


def verdict_step(
    challenger: Contender,
    champion: Contender | None,
    test: OnTest,
    gate: GateSettings,
    evaluation: EvaluationSettings,
    notes: Sequence[str] = (),
    reported: OnTest | None = None,
) -> Step:
    """Return the step of the verdict on a challenger.

    Args:
        challenger: The new network.
        champion: The network in use; None for a first model.
        test: Test of the comparison.
        gate: Settings of the gate.
        evaluation: Settings of the evaluation.
        notes: Notes on the test set and the champion.
        reported: The test of the challenger's report; None if it is the same test.
    """
    sides = {"challenger": challenger, **({"champion": champion} if champion else {})}
    inputs = {f"filter {name}": measured.ref for name, measured in test.filters.items()}
    if reported:
        inputs |= {f"reported {name}": s.ref for name, s in reported.filters.items()}
        inputs |= {"reported": reported.measured.ref}
    for role, side in sides.items():
        inputs |= {f"{role} network": side.network.ref, f"{role} measured": side.measured.ref}
        inputs |= {f"{role} by {name}": s.ref for name, s in sorted(side.protocols.items())}
    unit = Unit(
        "verdict",
        " against ".join(side.name for side in sides.values()),
        {
            "gate": gate.model_dump(mode="json"),
            "overlap": evaluation.overlap,
            "bootstrap": [evaluation.bootstrap, evaluation.seed],
            "sides": {
                r: [s.name, s.window, sorted(s.seen), s.simulated, s.unknown]
                for r, s in sides.items()
            },
            "tests": [test.name, reported.name if reported else ""],
            "notes": list(notes),
        },
        inputs,
        {
            "modules": code_version(
                "ecgmodel.promotion.publishing",
                "ecgmodel.promotion.stating",
                "ecgmodel.training.cost",
                *(f"ecgmodel.promotion.rules.{name}" for name in gate.rules),
            ),
            "template": file_version("ecgmodel/promotion/verdict.html"),
            "page": file_version("ecgmodel/evaluation/page.html"),
            "libraries": library_versions("numpy", "pandas", "matplotlib", "jinja2"),
        },
    )
    sides_and_tests = challenger, champion, test, reported or test
    return Step(unit, partial(_judge, *sides_and_tests, gate, evaluation, tuple(notes)))


def _judge(
    challenger: Contender,
    champion: Contender | None,
    test: OnTest,
    reported: OnTest,
    gate: GateSettings,
    how: EvaluationSettings,
    notes: Sequence[str],
    into: Path,
) -> dict[str, Any]:
    from ecgmodel.promotion.judging import FIRST, Candidate, compare_sides, judge
    from ecgmodel.promotion.publishing import publish_verdict
    from ecgmodel.promotion.stating import Reported, state

    import_keras()
    new = _candidate(challenger, how.overlap)
    old = _candidate(champion, how.overlap) if champion else None
    none = Candidate(FIRST, _table(test.filters[NO_FILTER]), None, frozenset())
    filters = _tables(test)
    comparison, _ = compare_sides(new, old, none, filters)
    own = Reported(reported.name, _table(reported.measured), _tables(reported))
    verdict = state(
        judge(new, old, none, gate, notes, filters),
        comparison,
        test.name,
        own,
        how.bootstrap,
        how.seed,
    )
    publish_verdict(verdict, comparison, gate, into)
    return {"promoted": verdict.promoted, "reason": verdict.reason}


def _tables(test: OnTest) -> dict[str, pd.DataFrame]:
    """Return the rows of the classical filters of a test."""
    return {name: _table(stored) for name, stored in test.filters.items() if name != NO_FILTER}


def _candidate(side: Contender, overlap: float) -> Candidate:
    from ecgmodel.networks import load_network
    from ecgmodel.promotion.judging import Candidate
    from ecgmodel.training.cost import network_cost

    network = load_network(side.network.file("model.keras"))
    cost = network_cost(network, side.window, overlap)
    by_protocol = {}
    for name, rows in side.protocols.items():
        by_protocol[name] = load_protocol(name).rows([rows])
    origin = side.simulated, side.unknown
    return Candidate(side.name, _table(side.measured), cost, side.seen, by_protocol, *origin)


def _table(measured: Stored) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(measured.file(SEGMENTS))
