"""The heart rate is that of the beats, and None without beats."""

from __future__ import annotations

import numpy as np
import pytest

from ecgmodel.evaluation.heart_rate import heart_rate
from ecgmodel.sources import _simulated_ecg as ecg

FS = ecg.FS


@pytest.fixture(scope="module")
def made() -> ecg.Simulated:
    return ecg.simulate(3, 15, 900.0)


def test_the_heart_rate_is_that_of_the_beats(made: ecg.Simulated) -> None:
    true = 60 * FS / np.median(np.diff(made.peaks))
    for seconds in (10, 45, 900):
        found = heart_rate(made.signal[: round(seconds * FS), 0], FS)
        assert found == pytest.approx(true, rel=0.06)


def test_a_gap_is_not_an_rr_interval(made: ecg.Simulated) -> None:
    lead = made.signal[: round(60 * FS), 0].copy()
    lead[round(20 * FS) : round(29 * FS)] = np.nan
    assert heart_rate(lead, FS) == pytest.approx(heart_rate(made.signal[:, 0], FS), rel=0.06)


@pytest.mark.parametrize("fs", [25.0, 360.0, 4000.0])
def test_without_beats_there_is_no_heart_rate(fs: float) -> None:
    for lead in (np.zeros(round(30 * fs)), np.full(round(30 * fs), np.nan), np.zeros(1)):
        assert heart_rate(lead, fs) is None
