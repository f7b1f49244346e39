"""The verdict's step with networks that were measured by a protocol which a rule needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from ecgmodel.networks import build_network
from ecgmodel.promotion.judging import Verdict
from ecgmodel.promotion.steps import Contender, OnTest, verdict_step
from ecgmodel.protocols import qrs_stress
from ecgmodel.settings.config import Settings
from ecgmodel.steps.data import Step
from ecgmodel.steps.training import STRETCHES
from ecgmodel.store import Store, Stored, Unit
from tests.ecgmodel.promotion.made import no_filter, table
from tests.ecgmodel.protocols.made_stress import write_person
from tests.ecgmodel.protocols.test_qt_bw import downloaded

WINDOW = 512


def measured(store: Store, name: str, rows: pd.DataFrame) -> Stored:
    """Return a table as a measured method leaves it."""

    def write(into: Path) -> None:
        rows.to_parquet(into / STRETCHES, index=False)

    return Step(Unit("evaluate", name, {}), write).run(store)


def network(store: Store, name: str) -> Stored:
    """Return an untrained network."""

    def write(into: Path) -> None:
        build_network("conv_autoencoder", {"filters": [4, 4]}).save(into / "model.keras")

    return Step(Unit("train", name, {}), write).run(store)


def test_a_network_is_measured_by_the_protocol_and_judged_by_it(tmp_path: Path) -> None:
    write_person(tmp_path, "118", 17.5, (24, 0))
    store = Store(tmp_path / "store")
    downloads = [downloaded(store, tmp_path / name) for name in ("118e24", "118e00")]
    test = qrs_stress.prepare_step(downloads).run(store)
    settings = Settings.model_validate({"gate": {"rules": ["primary", "qrs_stress"]}})
    raw = qrs_stress.filter_step("none", test).run(store)
    new, old = network(store, "new"), network(store, "old")
    own = qrs_stress.network_step("model", new.file("model.keras"), WINDOW, test).run(store)
    challenger = Contender(
        *("new", new, measured(store, "new", table(gain=6.0)), WINDOW, frozenset()),
        {"qrs-stress": own},
    )
    champion = Contender("old", old, measured(store, "old", table()), WINDOW, frozenset())
    floor = measured(store, "none", no_filter(table()).table)

    def verdict(champion: Contender) -> Verdict:
        test = OnTest("db 1234", {"none": floor}, challenger.measured)
        done = verdict_step(challenger, champion, test, settings).run(store)
        return Verdict.from_json(done.file("verdict.json").read_text())

    judged = verdict(replace(champion, protocols={"qrs-stress": raw}))
    found = {f.what: f for f in judged.findings if f.rule == "qrs_stress"}
    assert len(found) == 6
    figures = qrs_stress.tables(qrs_stress.read_rows([own]))["all"].set_index("metric")["mean"]
    for level in (24, 0):
        assert found[f"F1 of beats found at {level} dB"].value == figures[f"f1_{level}"]
    absent = found["F1 of beats found at 18 dB"]  # no record of that level is there
    assert not absent.passed
    assert "there is no figure" in absent.text
    assert not judged.promoted
    unjudged = verdict(champion)
    assert not unjudged.promoted
    assert unjudged.reason.startswith("Rule qrs_stress cannot be judged")
