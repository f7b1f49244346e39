"""Rules that need a benchmark protocol: passed, refused, and not judged without its recordings."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from ecgmodel.benchmarks._qrs_stress.records import LEVELS
from ecgmodel.promotion.judging import Candidate, Verdict, judge, needed_protocols
from ecgmodel.promotion.rules._protocols import no_worse_or_good
from ecgmodel.promotion.settings import GateSettings
from tests.ecgmodel.promotion.made import candidate, no_filter, table

STRESS = GateSettings(rules=("primary", "qrs_stress"))
HARM = GateSettings(rules=("primary", "do_no_harm"))


def stress(found: float, at_24: float = 1.0) -> pd.DataFrame:
    """Return rows in which a share of a thousand beats of one person is found at each level."""
    rows = []
    for level in LEVELS:
        matched = round(1000 * (at_24 if level == 24 else found))
        who = {"method": "model", "record": f"118e{LEVELS[level]}", "subject": "mitdb/118"}
        counts = {"matched": matched, "missed": 1000 - matched, "false": 0, "errors_ms": [0.0]}
        where = {"snr_db": level, "minute": 17, "held_out": True, "snr_in": 0.0, "snr_out": 0.0}
        rows.append(who | counts | where)
    return pd.DataFrame(rows)


def harm(shape: float, st: float = 0.001) -> pd.DataFrame:
    """Return rows of one person: by how much shape errs (dB), and what ST changes by (mV)."""
    counts = {"matched": 100.0, "missed": 0.0, "false": 0.0}
    before = {f"{name}_before": value for name, value in counts.items()}
    figures = {"shape": shape, "st": st, "qrs": 0.1, **counts, **before}
    who = {"method": "model", "record": "mitdb/106", "subject": "mitdb/106", "original_fs": 360.0}
    return pd.DataFrame([who | {"quantity": q, "value": v} for q, v in figures.items()])


def judged(
    gate: GateSettings,
    ours: dict[str, pd.DataFrame],
    theirs: dict[str, pd.DataFrame] | None,
    *seen: str,
) -> Verdict:
    """Return the verdict on a challenger that is better than its champion in all else."""
    better, worse = table(gain=6.0), table(gain=5.0)
    new = replace(candidate("new", better), protocols=ours, seen=frozenset(seen))
    old: Candidate | None = None
    if theirs is not None:
        old = replace(candidate("old", worse), protocols=theirs)
    return judge(new, old, no_filter(better), gate)


def test_a_rule_says_which_protocols_it_needs() -> None:
    assert needed_protocols("primary", "qrs_stress", "do_no_harm", "qrs_stress") == (
        "qrs-stress",
        "do-no-harm",
    )
    assert needed_protocols(*GateSettings().rules) == ()  # nobody downloads what was not asked for


def test_who_finds_fewer_beats_is_refused_and_who_finds_more_is_not() -> None:
    few, many = ({"qrs-stress": stress(share)} for share in (0.6, 0.7))
    verdict = judged(STRESS, few, many)
    assert not verdict.promoted
    assert verdict.reason.startswith("It fails F1 of beats found at 18 dB: 0.75")
    assert judged(STRESS, many, few).promoted
    assert judged(STRESS, many, many).promoted


def test_a_loss_within_tolerance_or_above_the_goal_is_none() -> None:
    before = {"qrs-stress": stress(0.700)}
    assert judged(STRESS, {"qrs-stress": stress(0.695)}, before).promoted
    assert not judged(STRESS, {"qrs-stress": stress(0.685)}, before).promoted
    perfect = {"qrs-stress": stress(0.7, at_24=1.0)}
    assert judged(STRESS, {"qrs-stress": stress(0.7, at_24=0.997)}, perfect).promoted
    assert not judged(STRESS, {"qrs-stress": stress(0.7, at_24=0.98)}, perfect).promoted


def test_who_does_harm_is_refused_unless_the_champion_does_the_same() -> None:
    good, bad = ({"do-no-harm": harm(shape)} for shape in (26.0, 18.0))
    verdict = judged(HARM, bad, good)
    assert not verdict.promoted
    assert verdict.reason == (
        "It fails Shape error below the target, median: 18, at least 25 asked for."
    )
    assert judged(HARM, good, bad).promoted
    assert judged(HARM, bad, bad).promoted
    assert judged(HARM, {"do-no-harm": harm(25.5)}, {"do-no-harm": harm(30.0)}).promoted


def test_a_changed_st_level_is_refused() -> None:
    before = {"do-no-harm": harm(26.0)}
    assert judged(HARM, {"do-no-harm": harm(26.0, st=0.019)}, before).promoted
    verdict = judged(HARM, {"do-no-harm": harm(26.0, st=0.03)}, before)
    assert verdict.reason == "It fails Change of ST level, median: 0.03, at most 0.02 asked for."


@pytest.mark.parametrize("gate", [STRESS, HARM], ids=["qrs_stress", "do_no_harm"])
def test_without_recordings_the_rule_is_not_judged_and_says_so(gate: GateSettings) -> None:
    verdict = judged(gate, {}, {})
    assert verdict.promoted
    rule = gate.rules[1]
    name = rule.replace("_", "-")
    (note,) = verdict.notes
    assert note.startswith(f"Rule {rule} was not judged: it needs results of {name} on people")
    assert {finding.rule for finding in verdict.findings} == {"primary"}
    assert Verdict.from_json(verdict.to_json()) == verdict


def test_people_who_trained_either_side_do_not_judge() -> None:
    few, many = ({"qrs-stress": stress(share)} for share in (0.6, 0.7))
    assert not judged(STRESS, few, many).promoted
    verdict = judged(STRESS, few, many, "mitdb/118")
    assert verdict.promoted
    assert "people who trained neither side" in verdict.notes[0]


@pytest.mark.parametrize("gate", [STRESS, HARM], ids=["qrs_stress", "do_no_harm"])
def test_a_first_model_is_asked_for_nothing(gate: GateSettings) -> None:
    ours = {"qrs-stress": stress(0.1), "do-no-harm": harm(1.0)}
    assert judged(gate, ours, None).promoted


def test_a_missing_figure_proves_nothing() -> None:
    nothing = float("nan")
    finding = no_worse_or_good("r", "F1", (nothing, 0.5), 0.9, 0.1)
    assert (finding.passed, finding.value) == (False, None)
    assert no_worse_or_good("r", "F1", (0.9, nothing), 0.9, 0.1).passed
    assert not no_worse_or_good("r", "F1", (0.8, nothing), 0.9, 0.1).passed
