"""The floor: who is not better than the best filter, or learned from simulations, stays out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ecgmodel.promotion.judging import Candidate, Verdict, compare_sides, judge
from ecgmodel.promotion.stating import Reported, state
from ecgmodel.settings.gate import GateSettings
from tests.ecgmodel.promotion.made import CHEAP, candidate, filters, no_filter, table

FLOOR = GateSettings(rules=("primary", "beats_filters"))


def verdict(
    new: Candidate,
    old: Candidate | None = None,
    gain: float = 4.0,
    left: float = 30.0,
    gate: GateSettings = FLOOR,
) -> Verdict:
    return judge(new, old, no_filter(new.table), gate, (), filters(new.table, gain, left))


def failed(found: Verdict) -> list[str]:
    return [f"{f.rule} {f.what}" for f in found.findings if not f.passed]


def test_better_than_no_filter_is_not_enough() -> None:
    assert verdict(candidate("version 1", table(gain=6.0))).promoted
    found = verdict(candidate("version 1", table(gain=3.0)))
    assert failed(found) == ["beats_filters SNR improvement against fir"]
    assert found.reason.startswith("It is not proven better than the best filter (fir): -1.")


@pytest.mark.parametrize("subjects", [2, 10])
def test_the_lead_over_the_filter_must_be_no_chance(subjects: int) -> None:
    """Of two people each has to gain; of more, the interval lies above zero."""
    lucky = {n: 3.0 if n else -4.0 for n in range(subjects)}
    found = verdict(candidate("version 1", table(subjects, gain=5.0, by_subject=lucky)))
    assert found.promoted == (subjects == 10)
    if subjects == 2:
        assert "(least in db/0: " in found.reason


@pytest.mark.parametrize(("left", "promoted"), [(29.1, True), (28.9, False), (50.0, True)])
def test_it_may_harm_a_little_more_than_the_gentlest_filter(left: float, promoted: bool) -> None:
    found = verdict(candidate("version 1", table(gain=6.0, left=left)))
    assert found.promoted == promoted
    if not promoted:
        assert "output SNR 28.9 dB, 30.0 dB by the filter that leaves most (fir)" in found.reason


def test_a_perfect_copy_where_there_is_no_noise_does_no_harm() -> None:
    perfect = table(gain=6.0, rmse=0.0, left=float("nan"))
    assert verdict(candidate("version 1", perfect)).promoted
    unmeasured = verdict(candidate("version 1", table(gain=6.0, left=float("nan"))))
    assert failed(unmeasured) == ["beats_filters no noise added, against fir"]


def test_without_filters_nothing_is_proven() -> None:
    new = candidate("version 1", table(gain=6.0))
    found = judge(new, None, no_filter(new.table), FLOOR)
    assert not found.promoted
    assert "evaluation.baselines" in found.reason


def test_filters_are_measured_on_the_people_who_judge() -> None:
    """The filter is better than the network on the one person whom the network has seen."""
    rows = table(gain=6.0, by_subject={0: -30.0})
    assert not verdict(candidate("version 1", rows)).promoted
    assert verdict(candidate("version 1", rows, CHEAP, "db/0")).promoted


def test_simulated_recordings_never_replace_real_ones() -> None:
    old = candidate("version 1", table(gain=5.0))
    new = replace(candidate("version 2", table(gain=9.0)), simulated=True)
    found = verdict(new, old)
    assert failed(found) == ["origin trained on real recordings"]
    assert found.reason.startswith("It learned from simulated recordings last, so it does not take")
    assert "the place of version 1, which learned from real ones." in found.reason
    assert verdict(new, replace(old, simulated=True)).promoted
    assert verdict(replace(new, simulated=False), replace(old, simulated=True)).promoted
    assert verdict(new).promoted  # there is no champion


def test_weights_that_do_not_say_who_trained_them_are_promoted_by_hand_alone() -> None:
    old = candidate("version 1", table(gain=5.0))
    new = replace(candidate("version 7", table(gain=9.0)), unknown="own.keras (1234abcd)")
    found = verdict(new, old)
    assert failed(found) == ["origin known who trained it"]
    assert found.reason.startswith("own.keras (1234abcd), whose weights it started from, does not")
    assert "`ecg-denoise promote 7`" in found.reason


def test_where_nobody_is_left_the_verdict_says_what_to_do() -> None:
    everybody = [f"db/{n}" for n in range(10)]
    new = candidate("version 3", table(gain=9.0), CHEAP, *everybody)
    found = verdict(new, candidate("version 1", table()))
    assert not found.promoted
    for remedy in ("gate.test_set", "gate.first_champion=null", "`ecg-denoise promote 3`"):
        assert remedy in found.reason


@pytest.mark.parametrize(
    ("test", "seen"), [("qtdb 2", ()), ("mitdb 1", ("db/1",)), ("mitdb 1", ())]
)
def test_both_figures_stand_where_the_judges_are_not_those_of_the_report(
    test: str, seen: tuple[str, ...]
) -> None:
    new, old = candidate("version 2", table(gain=6.0), CHEAP, *seen), candidate("v1", table())
    classical = filters(new.table, 4.0)
    comparison, _ = compare_sides(new, old, no_filter(new.table), classical)
    own = Reported(test, table(4, gain=7.0), filters(table(4), 4.0))
    judged = judge(new, old, no_filter(new.table), FLOOR, (), classical)
    found = state(judged, comparison, "mitdb 1", own, draws=100, seed=0)
    assert Verdict.from_json(found.to_json()) == found
    people = 10 - len(seen)
    assert found.headlines["challenger"].subjects == people
    assert found.headlines["champion"].subjects == people
    assert f"Judged on mitdb 1: {found.headlines['challenger'].sentence}; v1 +" in found.reason
    if test == "mitdb 1" and not seen:
        assert set(found.headlines) == {"challenger", "champion"}
        assert "Its own test" not in found.reason
    else:
        assert found.tests["report"] == test
        assert f"Its own test, {test}: {found.headlines['report'].sentence}." in found.reason
        assert found.headlines["report"].subjects == 4
