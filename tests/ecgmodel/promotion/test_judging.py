"""Only a better challenger is promoted."""

from __future__ import annotations

import importlib
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from pydantic import ValidationError

from ecgmodel.errors import DatasetError
from ecgmodel.promotion.judging import Candidate, Verdict, judge
from ecgmodel.settings.gate import GateSettings
from ecgmodel.support import plugins
from ecgmodel.training.cost import Cost
from tests.ecgmodel.promotion.made import CHEAP, candidate, filters, no_filter, table

GATE = GateSettings()


def verdict(new: Candidate, old: Candidate | None, gate: GateSettings = GATE) -> Verdict:
    return judge(new, old, no_filter(new.table), gate, filters=filters(new.table))


def failed(found: Verdict) -> list[str]:
    return [f"{f.rule} {f.what}" for f in found.findings if not f.passed]


def test_a_better_model_is_promoted() -> None:
    found = verdict(candidate("new", table(gain=6.0)), candidate("old", table(gain=5.0)))
    assert found.promoted
    assert found.reason.startswith(
        "The challenger is better than the champion: SNR improvement +1.00 dB"
    )
    assert found.subjects == tuple(sorted(f"db/{n}" for n in range(10)))
    assert Verdict.from_json(found.to_json()) == found


def test_an_equal_model_is_not_promoted() -> None:
    found = verdict(candidate("new", table()), candidate("old", table()))
    assert not found.promoted
    assert failed(found) == [
        "primary SNR improvement against the champion",
        "primary mean gain in SNR improvement",
    ]


@pytest.mark.parametrize("subjects", [5, 10])
def test_a_gain_below_the_minimum_is_refused(subjects: int) -> None:
    old = candidate("old", table(subjects))
    twin = candidate("new", table(subjects, gain=5.0 + 1e-9))
    found = verdict(twin, old)
    assert not found.promoted
    assert failed(found) == ["primary mean gain in SNR improvement"]
    assert found.reason == (
        "The gain is too small: +1e-09 dB in mean SNR improvement over the champion; at least "
        "+0.05 dB is required."
    )
    assert verdict(twin, old, GateSettings(smallest_gain=0)).promoted
    for gain, promoted in ((5.049, False), (5.051, True)):
        assert verdict(candidate("new", table(subjects, gain)), old).promoted == promoted


def test_a_gain_that_is_not_significant_is_refused() -> None:
    lucky = {n: 3.0 if n % 2 else -2.6 for n in range(10)}
    found = verdict(candidate("new", table(by_subject=lucky)), candidate("old", table()))
    assert not found.promoted
    assert "not proven better" in found.reason


def test_with_few_subjects_each_must_gain() -> None:
    old = candidate("old", table(7))
    assert verdict(candidate("new", table(7, gain=5.1)), old).promoted
    found = verdict(candidate("new", table(7, gain=6.0, by_subject={3: -1.01})), old)
    assert not found.promoted
    assert "7 subjects, fewer than 8" in found.reason
    assert "smallest gain in db/3" in found.reason


@pytest.mark.parametrize(
    ("loss", "rules"),
    [
        ({("bw", 0.0): -1.0, ("bw", 6.0): -1.0}, ["by_noise noise type bw"]),
        ({("bw", 6.0): -1.0, ("ma", 6.0): -1.0}, ["by_snr SNR 6 dB"]),
        ({("bw", 0.0): -0.5}, []),
    ],
)
def test_a_part_may_lose_its_tolerance(
    loss: dict[tuple[str, float], float], rules: list[str]
) -> None:
    new = candidate("new", table(gain=5.6, by_cell=loss))
    found = verdict(new, candidate("old", table()))
    assert failed(found) == rules
    assert found.promoted == (not rules)


def test_signals_without_noise_must_be_preserved() -> None:
    old = candidate("old", table(rmse=0.010))
    harm = verdict(candidate("new", table(gain=6.0, rmse=0.011)), old)
    assert failed(harm) == ["no_noise no noise added"]
    perfect = verdict(candidate("new", table(gain=6.0, rmse=0.0)), old)
    assert perfect.promoted


@pytest.mark.parametrize(
    ("new", "old", "promoted"),
    [
        (Cost(10_000, 4.9e6), CHEAP, True),
        (Cost(10_000, 5.1e6), CHEAP, False),
        (Cost(10_000, 10.9e6), Cost(10_000, 10e6), True),
        (Cost(3_000_000, 1e6), CHEAP, False),
    ],
)
def test_cost_is_limited_beyond_the_budget(new: Cost, old: Cost, promoted: bool) -> None:
    found = verdict(candidate("new", table(gain=9.0), new), candidate("old", table(), old))
    assert found.promoted == promoted


def test_training_subjects_of_either_side_are_excluded() -> None:
    new = candidate("new", table(gain=6.0), CHEAP, "db/0", "db/1")
    old = candidate("old", table(by_subject={2: 99.0}), CHEAP, "db/1", "db/2")
    found = verdict(new, old)
    assert found.left_out == ("db/0", "db/1", "db/2")
    assert found.promoted  # subject 2, whom the champion knows by heart, does not count
    everyone = [f"db/{n}" for n in range(10)]
    nothing = verdict(candidate("new", table(gain=6.0), CHEAP, *everyone), old)
    assert not nothing.promoted
    assert nothing.subjects == ()
    assert "No test subject is left" in nothing.reason


def test_a_first_model_must_be_better_than_no_filter() -> None:
    first = verdict(candidate("new", table(gain=3.0)), None)
    assert first.promoted
    assert first.champion == ""
    assert "first model" in first.reason
    assert not verdict(candidate("new", table(gain=-3.0)), None).promoted
    nothing = verdict(candidate("new", table(gain=0.02).assign(snr_improvement=0.02)), None)
    assert not nothing.promoted
    assert "primary mean gain in SNR improvement" in failed(nothing)
    assert "not proven better than the best filter" in nothing.reason


def test_different_segments_cannot_be_compared() -> None:
    old = candidate("old", table().query("start > 0"))
    with pytest.raises(DatasetError, match=r"50 of 150 and 100 rows .* Evaluate both"):
        verdict(candidate("new", table()), old)
    twice = candidate("old", pd.concat([table(), table()]))
    with pytest.raises(DatasetError, match="0 and 150 of 150 and 300 rows are repeated"):
        verdict(candidate("new", table()), twice)


def test_an_unknown_rule_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ValidationError, match="Nearest: by_noise"):
        GateSettings(rules=("by_nose",))


def test_a_rule_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "ecgmodel"
    shutil.copytree(plugins.PACKAGE / "promotion", root / "promotion")
    (root / "promotion" / "rules" / "no_ties.py").write_text(
        "from ecgmodel.promotion.judging import Finding\n"
        "def judge(comparison, settings):\n"
        "    return [Finding('no_ties', 'ties', False, 1.0, 0.0, 'It ties.')]\n"
    )
    rules = importlib.import_module("ecgmodel.promotion.rules")
    monkeypatch.setattr(plugins, "PACKAGE", root)
    monkeypatch.setattr(rules, "__path__", [str(root / "promotion" / "rules")])
    gate = GateSettings(rules=("primary", "no_ties"))
    found = verdict(candidate("new", table(gain=6.0)), candidate("old", table()), gate)
    assert failed(found) == ["no_ties ties"]
    assert found.reason == "It ties."
    sys.modules.pop("ecgmodel.promotion.rules.no_ties")


def test_the_primary_rule_is_required() -> None:
    with pytest.raises(ValidationError, match="a model that is no better would be promoted"):
        GateSettings(rules=("cost",))
    with pytest.raises(ValidationError, match="Nearest: snr_improvement"):
        GateSettings(primary="snr_improvment")
    found = verdict(
        candidate("new", table(gain=6.0)),
        candidate("old", table()),
        GateSettings(rules=("cost", "primary")),
    )
    assert found.reason.startswith("The challenger is better than the champion")


@pytest.mark.parametrize(
    ("where", "failing"),
    [
        ("noise_type == 'bw'", ["by_noise noise type bw"]),
        ("snr_db == 6", ["by_snr SNR 6 dB"]),
        ("subject == 'db/3'", []),
        ("noise_type != 'none'", ["primary SNR improvement against the champion"]),
    ],
)
def test_undefined_values_do_not_pass(where: str, failing: list[str]) -> None:
    rows = table(gain=6.0)
    rows.loc[rows.eval(where), "snr_improvement"] = float("nan")
    found = verdict(candidate("new", rows), candidate("old", table()))
    assert set(failing) <= set(failed(found))
    assert found.promoted == (not failing)
    assert Verdict.from_json(found.to_json()) == found


def test_a_test_without_noise_does_not_pass() -> None:
    clean = table().query("noise_type == 'none'")
    found = verdict(candidate("new", clean), candidate("old", clean))
    assert not found.promoted
    assert "No noisy segment" in found.reason
    assert any("No noisy segment" in finding.text for finding in found.findings)


def test_the_metric_may_be_one_where_lower_is_better() -> None:
    gate = GateSettings(primary="rmse", smallest_gain=0.005, rules=("primary",))
    better = table().assign(rmse=lambda t: t["rmse"] * 0.9)
    assert verdict(candidate("new", better), candidate("old", table()), gate).promoted
    worse = replace(candidate("new", table()), table=pd.DataFrame(table()).assign(rmse=0.2))
    assert not verdict(worse, candidate("old", table()), gate).promoted
    slightly = candidate("new", table().assign(rmse=lambda t: t["rmse"] * 0.96))
    found = verdict(slightly, candidate("old", table()), gate)
    assert not found.promoted
    assert "+0.004 mV in mean RMSE" in found.reason


def test_the_smallest_gain_is_in_the_unit_of_the_metric() -> None:
    with pytest.raises(ValidationError, match=r"gate.primary=rmse needs gate.smallest_gain in mV"):
        GateSettings(primary="rmse")
    assert GateSettings(primary="snr_out").smallest_gain == 0.05
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        GateSettings(smallest_gain=-0.1)
