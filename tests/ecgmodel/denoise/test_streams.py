"""Interpolation and resampling do not depend on how a signal is split into chunks."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgmodel.denoise.streams import Bridging, Resampling, ratio_to

RATES = [50, 128, 250, 257.3, 333.33, 360, 500, 1000, 4000]


def pieces(signal: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    while len(signal):
        size = int(rng.integers(0, 400))
        yield signal[:size]
        signal = signal[size:]


def through(made: Bridging | Resampling, signal: np.ndarray, seed: int | None) -> np.ndarray:
    parts = [signal] if seed is None else list(pieces(signal, seed))
    return np.concatenate([*(made.push(part) for part in parts), made.finish()])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 900), st.sampled_from(RATES))
def test_output_does_not_depend_on_the_chunks(seed: int, samples: int, fs: float) -> None:
    signal = np.random.default_rng(seed).normal(size=(samples, 2))
    signal[np.random.default_rng(seed + 1).random((samples, 2)) < 0.3] = np.nan
    whole = through(Bridging(2, 50), signal, None)
    bridged = through(Bridging(2, 50), signal, seed)
    np.testing.assert_allclose(bridged, whole, rtol=0, atol=1e-12)
    assert np.isfinite(whole).all()
    there = np.isfinite(signal)
    np.testing.assert_array_equal(whole[there], signal[there])
    made = through(Resampling(2, ratio_to(fs)), whole, None)
    np.testing.assert_allclose(
        through(Resampling(2, ratio_to(fs)), whole, seed), made, rtol=0, atol=1e-12
    )
    assert len(made) == int(np.ceil(samples * ratio_to(fs)))


@pytest.mark.parametrize("fs", RATES)
def test_a_rate_is_changed_and_changed_back(fs: float) -> None:
    time = np.arange(int(20 * fs)) / fs
    wave = np.sin(2 * np.pi * 7 * time)[:, None] + 3.0
    ratio = ratio_to(fs)
    at_360 = through(Resampling(1, ratio), wave, 1)
    expected = np.sin(2 * np.pi * 7 * np.arange(len(at_360)) / (fs * float(ratio)))[:, None] + 3.0
    np.testing.assert_allclose(at_360[400:-400], expected[400:-400], atol=3e-3)
    back = Resampling(1, 1 / ratio)
    again = np.concatenate([back.push(at_360), back.finish(len(wave))])
    assert again.shape == wave.shape
    np.testing.assert_allclose(again[200:-200], wave[200:-200], atol=5e-3)


def test_the_filter_is_that_of_scipy() -> None:
    signal = np.random.default_rng(0).normal(size=(3000, 1))
    ours = through(Resampling(1, Fraction(36, 25)), signal, None)
    theirs = scipy.signal.resample_poly(signal, 36, 25, axis=0)
    np.testing.assert_allclose(ours[200:-200], theirs[200:-200], atol=5e-3)


@pytest.mark.parametrize("fs", RATES)
def test_a_constant_stays_constant(fs: float) -> None:
    made = through(Resampling(1, ratio_to(fs)), np.full((500, 1), -4000.0), 3)
    np.testing.assert_allclose(made, -4000.0, rtol=1e-12)


def test_short_gaps_are_interpolated_and_long_ones_hold_the_last_value() -> None:
    signal = np.array([1.0, np.nan, np.nan, 4.0] + [np.nan] * 6 + [10.0, np.nan])[:, None]
    filled = through(Bridging(1, 3), signal, None)[:, 0]
    assert filled[:4].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert filled[4:7].tolist() == [4.0] * 3
    assert filled[7:10].tolist() == [5.5, 7.0, 8.5]
    assert filled[10:].tolist() == [10.0, 10.0]


def test_a_lead_without_samples_becomes_zero() -> None:
    assert through(Bridging(1, 5), np.full((20, 1), np.nan), 0).tolist() == [[0.0]] * 20
