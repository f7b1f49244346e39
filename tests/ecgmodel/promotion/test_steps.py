"""The step of the verdict, with networks measured by a protocol that a rule needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from ecgmodel.evaluation.settings import EvaluationSettings
from ecgmodel.networks import build_network
from ecgmodel.promotion.judging import Verdict
from ecgmodel.promotion.steps import Contender, OnTest, verdict_step
from ecgmodel.protocols._methods import Network
from ecgmodel.protocols.qrs_stress import PROTOCOL
from ecgmodel.settings.gate import GateSettings
from ecgmodel.steps.data import Step
from ecgmodel.steps.training import SEGMENTS
from ecgmodel.store import Store, Stored, Unit
from tests.ecgmodel.promotion.made import no_filter, table
from tests.ecgmodel.protocols.made import downloaded
from tests.ecgmodel.protocols.made_stress import write_person

WINDOW = 512


def measured(store: Store, name: str, rows: pd.DataFrame) -> Stored:
    """Return a table as stored by the evaluation of a method."""

    def write(into: Path) -> None:
        rows.to_parquet(into / SEGMENTS, index=False)

    return Step(Unit("evaluate", name, {}), write).run(store)


def network(store: Store, name: str) -> Stored:
    """Return an untrained network."""

    def write(into: Path) -> None:
        build_network("conv_autoencoder", {"filters": [4, 4]}).save(into / "model.keras")

    return Step(Unit("train", name, {}), write).run(store)


def test_a_rule_uses_the_measurements_of_its_protocol(tmp_path: Path) -> None:
    write_person(tmp_path, "118", 17.5, (24, 0))
    store = Store(tmp_path / "store")
    downloads = {f"nstdb/{n}": downloaded(store, tmp_path / n) for n in ("118e24", "118e00")}
    test = PROTOCOL.prepare_step(downloads).run(store)
    gate = GateSettings(rules=("primary", "qrs_stress"))
    raw = PROTOCOL.filter_step("none", test).run(store)
    new, old = network(store, "new"), network(store, "old")
    applied = Network((new.file("model.keras"),), WINDOW)
    own = PROTOCOL.network_step("model", applied, test).run(store)
    challenger = Contender(
        *("new", new, measured(store, "new", table(gain=6.0)), WINDOW, frozenset()),
        {"qrs-stress": own},
    )
    champion = Contender("old", old, measured(store, "old", table()), WINDOW, frozenset())
    floor = measured(store, "none", no_filter(table()).table)

    def verdict(champion: Contender) -> Verdict:
        test = OnTest("db 1234", {"none": floor}, challenger.measured)
        done = verdict_step(challenger, champion, test, gate, EvaluationSettings()).run(store)
        return Verdict.from_json(done.file("verdict.json").read_text())

    judged = verdict(replace(champion, protocols={"qrs-stress": raw}))
    found = {f.what: f for f in judged.findings if f.rule == "qrs_stress"}
    assert len(found) == 6
    figures = PROTOCOL.tables(PROTOCOL.rows([own]))["all"].set_index("metric")["mean"]
    for level in (24, 0):
        assert found[f"F1 of beat detection at {level} dB"].value == figures[f"f1_{level}"]
    absent = found["F1 of beat detection at 18 dB"]  # there is no record of this level
    assert not absent.passed
    assert "not measured" in absent.text
    assert not judged.promoted
    unjudged = verdict(champion)
    assert not unjudged.promoted
    assert unjudged.reason.startswith("Rule qrs_stress cannot be applied")
