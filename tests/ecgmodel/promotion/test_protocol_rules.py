"""Rules that need a benchmark protocol: passed, failed, and without any test subject left."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from ecgmodel.promotion.judging import Candidate, Verdict, judge, needed_protocols
from ecgmodel.promotion.rules._protocols import no_worse_or_good
from ecgmodel.protocols._goals import Goal
from ecgmodel.protocols._qrs_stress.records import LEVELS
from ecgmodel.settings.gate import GateSettings
from tests.ecgmodel.promotion.made import candidate, no_filter, table

STRESS = GateSettings(rules=("primary", "qrs_stress"))
HARM = GateSettings(rules=("primary", "do_no_harm"))


def stress(found: float, person: str = "118", **at: float) -> pd.DataFrame:
    """Return rows in which a share of a thousand beats of a subject is detected at each level.

    Args:
        found: The share at 0 and -6 dB; all are found at the other levels.
        person: Whose beats.
        **at: Other shares by level, e.g. `db24`.
    """
    rows = []
    for level in LEVELS:
        share = at.get(f"db{level}", found if level <= 0 else 1.0)
        matched = round(1000 * share)
        who = {"method": "model", "record": f"{person}e{LEVELS[level]}"}
        who["subject"] = f"mitdb/{person}"
        counts = {"matched": matched, "missed": 1000 - matched, "false": 0, "errors_ms": [0.0]}
        where = {"snr_db": level, "minute": 17, "held_out": True, "snr_in": 0.0, "snr_out": 0.0}
        rows.append(who | counts | where)
    return pd.DataFrame(rows)


def harm(shape: float, st: float = 0.001, other_lead: float | None = None) -> pd.DataFrame:
    """Return rows of one subject with given shape error (dB) and change of the ST level (mV).

    Args:
        shape: Of three windows of one lead.
        st: Of a beat.
        other_lead: Shape of two windows of a second lead; None for the same.
    """
    counts = {"matched": 100.0, "missed": 0.0, "false": 0.0}
    before = {f"{name}_before": value for name, value in counts.items()}
    figures = {"shape": shape, "st": st, "qrs": 0.1, **counts, **before}
    second = shape if other_lead is None else other_lead
    leads = [*[("MLII", "shape", shape)] * 2, *[("V1", "shape", second)] * 2]
    rows = [("MLII", quantity, value) for quantity, value in figures.items()]
    who = {"method": "model", "record": "mitdb/106", "subject": "mitdb/106", "original_fs": 360.0}
    return pd.DataFrame(
        [who | {"lead": at, "quantity": q, "value": v} for at, q, v in (*rows, *leads)]
    )


def judged(
    gate: GateSettings,
    ours: dict[str, pd.DataFrame],
    theirs: dict[str, pd.DataFrame] | None,
    *seen: str,
) -> Verdict:
    """Return the verdict on a challenger that is better than its champion by all other rules."""
    better, worse = table(gain=6.0), table(gain=5.0)
    new = replace(candidate("new", better), protocols=ours, seen=frozenset(seen))
    old: Candidate | None = None
    if theirs is not None:
        old = replace(candidate("old", worse), protocols=theirs)
    return judge(new, old, no_filter(better), gate)


def test_a_rule_lists_its_protocols() -> None:
    assert needed_protocols("primary", "qrs_stress", "do_no_harm", "qrs_stress") == (
        "qrs-stress",
        "do-no-harm",
    )
    assert needed_protocols(*GateSettings().rules) == ()  # by default, no benchmark is downloaded


def test_detecting_fewer_beats_is_refused() -> None:
    few, many = ({"qrs-stress": stress(share)} for share in (0.4, 0.5))
    verdict = judged(STRESS, few, many)
    assert not verdict.promoted
    assert verdict.reason.startswith("The challenger fails on F1 of beat detection at 0 dB: 0.57")
    assert judged(STRESS, many, few).promoted
    assert judged(STRESS, many, many).promoted


def test_a_loss_within_tolerance_or_above_the_goal_is_allowed() -> None:
    before = {"qrs-stress": stress(0.560)}  # F1 .718: short of both goals, past both first steps
    assert judged(STRESS, {"qrs-stress": stress(0.556)}, before).promoted
    assert not judged(STRESS, {"qrs-stress": stress(0.550)}, before).promoted
    assert judged(STRESS, {"qrs-stress": stress(0.56, db24=0.997)}, before).promoted
    assert not judged(STRESS, {"qrs-stress": stress(0.56, db24=0.98)}, before).promoted


def test_a_goal_once_reached_is_kept() -> None:
    """Otherwise each model could lose the tolerance again."""
    before = {"do-no-harm": harm(25.0)}
    assert not judged(HARM, {"do-no-harm": harm(24.9)}, before).promoted


def test_losses_within_the_tolerance_end_at_the_first_step() -> None:
    figure, champions = 24.9, []
    while figure not in champions:
        champions.append(figure)
        finding = no_worse_or_good("r", "shape", (figure - 0.3, figure), Goal(25.0, 20.0), 0.3)
        figure = round(figure - 0.3, 1) if finding.passed else figure
    assert 20.0 <= figure < 20.3
    assert no_worse_or_good("r", "shape", (18.0, 18.0), Goal(25.0, 20.0), 0.3).passed
    assert not no_worse_or_good("r", "shape", (17.9, 18.0), Goal(25.0, 20.0), 0.3).passed


def test_a_destroyed_lead_is_detected_despite_equal_medians() -> None:
    before = {"do-no-harm": harm(30.0)}
    verdict = judged(HARM, {"do-no-harm": harm(30.0, other_lead=0.0)}, before)
    assert verdict.reason == (
        "The challenger fails on the shape of mitdb/106, lead V1, dB: 0; at least 25 is required."
    )
    assert judged(HARM, {"do-no-harm": harm(30.0, other_lead=26.0)}, before).promoted
    low = {"do-no-harm": harm(30.0, other_lead=15.0)}
    assert judged(HARM, {"do-no-harm": harm(30.0, other_lead=12.5)}, low).promoted
    assert not judged(HARM, {"do-no-harm": harm(30.0, other_lead=11.5)}, low).promoted


def test_each_sampling_rate_is_checked() -> None:
    other = harm(35.0).assign(record="qtdb/sel1", subject="qtdb/sel1", original_fs=250.0)
    rows = [pd.concat([harm(shape), other, other]) for shape in (27.0, 24.0)]
    before, after = ({"do-no-harm": both} for both in rows)
    verdict = judged(HARM, after, before)
    start = "The challenger fails on Shape error below the target, median, at 360 Hz: 24"
    assert verdict.reason.startswith(start)


def test_harm_is_refused_unless_the_champion_does_the_same() -> None:
    good, bad = ({"do-no-harm": harm(shape)} for shape in (26.0, 18.0))
    verdict = judged(HARM, bad, good)
    assert not verdict.promoted
    assert verdict.reason == (
        "The challenger fails on Shape error below the target, median: 18; at least 25 is "
        "required. 2 more checks fail."
    )
    assert judged(HARM, good, bad).promoted
    assert judged(HARM, bad, bad).promoted
    assert judged(HARM, {"do-no-harm": harm(25.5)}, {"do-no-harm": harm(30.0)}).promoted


def test_a_changed_st_level_is_refused() -> None:
    before = {"do-no-harm": harm(26.0)}
    assert judged(HARM, {"do-no-harm": harm(26.0, st=0.019)}, before).promoted
    verdict = judged(HARM, {"do-no-harm": harm(26.0, st=0.03)}, before)
    assert verdict.reason == (
        "The challenger fails on Change of ST level, median: 0.03; at most 0.02 is required."
    )


@pytest.mark.parametrize("gate", [STRESS, HARM], ids=["qrs_stress", "do_no_harm"])
def test_a_rule_without_test_subjects_is_not_passed(gate: GateSettings) -> None:
    rule = gate.rules[1]
    verdict = judged(gate, {}, {})
    assert not verdict.promoted
    assert verdict.reason == (
        f"Rule {rule} cannot be applied: all subjects of {rule.replace('_', '-')} were used to "
        "train the challenger or the champion. Train without these subjects, or remove "
        f"{rule} from gate.rules."
    )
    assert Verdict.from_json(verdict.to_json()) == verdict


def test_training_subjects_are_excluded_from_protocols() -> None:
    """The champion is good on 118 only because it was trained on 118."""
    rows = [pd.concat([stress(of_118), stress(0.7, "119")]) for of_118 in (0.1, 1.0)]
    ours, theirs = ({"qrs-stress": both} for both in rows)
    assert not judged(STRESS, ours, theirs).promoted
    assert judged(STRESS, ours, theirs, "mitdb/118").promoted
    none_left = judged(STRESS, ours, theirs, "mitdb/118", "mitdb/119")
    assert not none_left.promoted
    assert none_left.reason.startswith("Rule qrs_stress cannot be applied")


def test_a_first_model_must_reach_the_first_step() -> None:
    """Below the goals at 0 and -6 dB, above the raw signal and the filters."""
    good = {"qrs-stress": stress(0.56), "do-no-harm": harm(22.0)}
    bad = {"qrs-stress": stress(0.1), "do-no-harm": harm(1.0)}
    for gate in (STRESS, HARM):
        assert judged(gate, good, None).promoted
        assert not judged(gate, bad, None).promoted
    flat = {"do-no-harm": harm(22.0, other_lead=0.0)}
    assert "lead V1" in judged(HARM, flat, None).reason


def test_a_missing_value_does_not_pass() -> None:
    missing, goals = float("nan"), Goal(0.9, 0.7)
    finding = no_worse_or_good("r", "F1", (missing, 0.5), goals, 0.1)
    assert (finding.passed, finding.value) == (False, None)
    assert no_worse_or_good("r", "F1", (0.7, missing), goals, 0.1).passed
    assert not no_worse_or_good("r", "F1", (0.69, missing), goals, 0.1).passed
