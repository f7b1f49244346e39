"""Decibels are exact and never infinite."""

from __future__ import annotations

import numpy as np
import pytest

from ecgmodel.support.decibels import decibels, snr_gain


def test_a_power_ten_times_as_large_is_ten_decibels() -> None:
    np.testing.assert_allclose(decibels([10.0, 1.0, 0.1], 1.0), [10, 0, -10])


def test_no_power_has_no_decibels() -> None:
    assert np.isnan(decibels([0.0, 1.0], [1.0, 0.0])).all()


def test_the_gain_gives_the_snr_and_no_noise_gives_none() -> None:
    gain = snr_gain([1.0, 1.0, 1.0, 1.0], [4.0, 1e-30, 0.0, 1.0], [6.0, 0.0, 6.0, np.nan])
    assert decibels(1.0, 4.0 * gain[0] ** 2) == pytest.approx(6.0)
    assert gain[1] == pytest.approx(1e15)
    assert gain[2:].tolist() == [0.0, 0.0]
