"""Decibels are exact and never infinite."""

from __future__ import annotations

import numpy as np

from ecgmodel.support.decibels import decibels


def test_a_power_ten_times_as_large_is_ten_decibels() -> None:
    np.testing.assert_allclose(decibels([10.0, 1.0, 0.1], 1.0), [10, 0, -10])


def test_no_power_has_no_decibels() -> None:
    assert np.isnan(decibels([0.0, 1.0], [1.0, 0.0])).all()
