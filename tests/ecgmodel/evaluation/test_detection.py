"""Detected against reference beats, counted by hand; XQRS on a signal with known beats."""

import numpy as np
import pytest

from ecgmodel.evaluation.detection import Counts, beat_samples, detect_beats, match_beats
from tests.ecgmodel.protocols.made_stress import FS, beat_places, beats_at

REFERENCE = np.array([100, 200, 300, 400])


def test_counts_equal_hand_counts() -> None:
    found = np.array([90, 255, 300, 460, 700])  # 255 is 55 samples away, 460 is 60
    counts = match_beats(REFERENCE, found, FS).counts(0, 1000)
    assert counts == Counts(matched=2, missed=2, false=3)
    assert counts.f1 == pytest.approx(4 / 9)
    assert counts.sensitivity == pytest.approx(0.5)
    assert counts.predictivity == pytest.approx(0.4)


def test_the_tolerance_of_150_ms_is_inclusive() -> None:
    for distance, matched in ((54, 1), (55, 0)):
        for sign in (-1, 1):
            found = np.array([1000 + sign * distance])
            assert match_beats(np.array([1000]), found, 360.0).counts(0, 2000).matched == matched
    assert match_beats(np.array([500]), np.array([537]), 250.0).counts(0, 999).matched == 1
    assert match_beats(np.array([500]), np.array([538]), 250.0).counts(0, 999).matched == 0


def test_a_detected_beat_matches_one_reference_beat() -> None:
    counts = match_beats(np.array([100, 150]), np.array([125]), FS).counts(0, 1000)
    assert counts == Counts(1, 1, 0)


def test_a_match_across_the_edge_is_no_false_positive() -> None:
    found = np.array([110, 195, 290, 401])
    match = match_beats(REFERENCE, found, FS)
    assert match.counts(200, 300) == Counts(1, 0, 0)  # 290 belongs to 300, which is outside
    assert match.errors(200, 401).tolist() == [-5, -10, 1]


def test_counts_without_detected_or_reference_beats() -> None:
    nothing = np.zeros(0, np.int64)
    assert match_beats(REFERENCE, nothing, FS).counts(0, 1000) == Counts(0, 4, 0)
    assert match_beats(nothing, REFERENCE, FS).counts(0, 1000) == Counts(0, 0, 4)
    assert np.isnan(Counts(0, 0, 0).f1)
    assert np.isnan(Counts(0, 3, 0).predictivity)
    assert Counts(0, 3, 0).f1 == 0


def test_annotations_that_are_not_beats_are_left_out() -> None:
    symbols = np.array(["N", "+", "V", "~", "x", "!", "|", "A", "/", "s", "T", "Q"])
    assert beat_samples(np.arange(12), symbols).tolist() == [0, 2, 7, 8, 11]


def test_xqrs_detects_the_beats_of_a_clean_signal() -> None:
    samples = 60 * FS
    places = beat_places(samples)
    counts = match_beats(places, detect_beats(beats_at(places, samples), FS), FS)
    assert counts.counts(0, samples) == Counts(len(places), 0, 0)


def test_a_flat_signal_has_no_beats() -> None:
    assert len(detect_beats(np.zeros(FS * 20), FS)) == 0
    assert len(detect_beats(np.full(FS * 20, 1.3), FS)) == 0
