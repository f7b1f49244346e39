"""A challenger no better than the best filter, or last trained on simulations, is refused."""

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


def test_a_challenger_must_beat_the_best_filter() -> None:
    assert verdict(candidate("version 1", table(gain=6.0))).promoted
    found = verdict(candidate("version 1", table(gain=3.0)))
    assert failed(found) == ["beats_filters SNR improvement against fir"]
    start = "The challenger is not proven better than the best filter (fir): -1."
    assert found.reason.startswith(start)


@pytest.mark.parametrize("subjects", [2, 10])
def test_the_gain_over_the_filter_must_be_significant(subjects: int) -> None:
    """With two subjects, each must gain; with more, the interval must be above zero."""
    lucky = {n: 3.0 if n else -4.0 for n in range(subjects)}
    found = verdict(candidate("version 1", table(subjects, gain=5.0, by_subject=lucky)))
    assert found.promoted == (subjects == 10)
    if subjects == 2:
        assert "(smallest in db/0: " in found.reason


@pytest.mark.parametrize(("left", "promoted"), [(29.1, True), (28.9, False), (50.0, True)])
def test_distortion_may_exceed_that_of_filters_by_the_tolerance(
    left: float, promoted: bool
) -> None:
    found = verdict(candidate("version 1", table(gain=6.0, left=left)))
    assert found.promoted == promoted
    if not promoted:
        assert "output SNR 28.9 dB, 30.0 dB with the least harmful filter (fir)" in found.reason


def test_unchanged_signals_without_noise_pass() -> None:
    perfect = table(gain=6.0, rmse=0.0, left=float("nan"))
    assert verdict(candidate("version 1", perfect)).promoted
    unmeasured = verdict(candidate("version 1", table(gain=6.0, left=float("nan"))))
    assert failed(unmeasured) == ["beats_filters no noise added, against fir"]


def test_without_filters_the_rule_fails() -> None:
    new = candidate("version 1", table(gain=6.0))
    found = judge(new, None, no_filter(new.table), FLOOR)
    assert not found.promoted
    assert "evaluation.baselines" in found.reason


def test_filters_are_compared_on_the_test_subjects() -> None:
    """The filter is better than the network only on the subject that the network has seen."""
    rows = table(gain=6.0, by_subject={0: -30.0})
    assert not verdict(candidate("version 1", rows)).promoted
    assert verdict(candidate("version 1", rows, CHEAP, "db/0")).promoted


def test_simulated_recordings_never_replace_real_ones() -> None:
    old = candidate("version 1", table(gain=5.0))
    new = replace(candidate("version 2", table(gain=9.0)), simulated=True)
    found = verdict(new, old)
    assert failed(found) == ["origin trained on real recordings"]
    assert found.reason.startswith("The challenger was last trained on simulated recordings.")
    assert "It cannot replace version 1, which was trained on real ones." in found.reason
    assert verdict(new, replace(old, simulated=True)).promoted
    assert verdict(replace(new, simulated=False), replace(old, simulated=True)).promoted
    assert verdict(new).promoted  # there is no champion


def test_weights_of_unknown_origin_are_promoted_only_by_hand() -> None:
    old = candidate("version 1", table(gain=5.0))
    new = replace(candidate("version 7", table(gain=9.0)), unknown="own.keras (1234abcd)")
    found = verdict(new, old)
    assert failed(found) == ["origin training subjects known"]
    assert "started from the weights of own.keras (1234abcd)" in found.reason
    assert "`ecg-denoise promote 7`" in found.reason


def test_without_test_subjects_the_verdict_names_remedies() -> None:
    all_subjects = [f"db/{n}" for n in range(10)]
    new = candidate("version 3", table(gain=9.0), CHEAP, *all_subjects)
    found = verdict(new, candidate("version 1", table()))
    assert not found.promoted
    for remedy in ("gate.test_set", "gate.first_champion=null", "`ecg-denoise promote 3`"):
        assert remedy in found.reason


@pytest.mark.parametrize(
    ("test", "seen"), [("qtdb 2", ()), ("mitdb 1", ("db/1",)), ("mitdb 1", ())]
)
def test_both_headlines_are_stated_if_the_tests_differ(test: str, seen: tuple[str, ...]) -> None:
    new, old = candidate("version 2", table(gain=6.0), CHEAP, *seen), candidate("v1", table())
    classical = filters(new.table, 4.0)
    comparison, _ = compare_sides(new, old, no_filter(new.table), classical)
    own = Reported(test, table(4, gain=7.0), filters(table(4), 4.0))
    judged = judge(new, old, no_filter(new.table), FLOOR, (), classical)
    found = state(judged, comparison, "mitdb 1", own, draws=100, seed=0)
    assert Verdict.from_json(found.to_json()) == found
    subjects = 10 - len(seen)
    assert found.headlines["challenger"].subjects == subjects
    assert found.headlines["champion"].subjects == subjects
    ours = found.headlines["challenger"].sentence
    assert f"Test of the verdict, mitdb 1: {ours}; v1 +" in found.reason
    if test == "mitdb 1" and not seen:
        assert set(found.headlines) == {"challenger", "champion"}
        assert "Test of the report" not in found.reason
    else:
        assert found.tests["report"] == test
        assert f"Test of the report, {test}: {found.headlines['report'].sentence}." in found.reason
        assert found.headlines["report"].subjects == 4
