"""Out-of-range samples are removed around any baseline; all others are unchanged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgmodel.denoise.levels import FAR_MV, Levelling

FS = 100
BEATS = np.tile([0.0, 0.2, 8.0, -2.0, 0.3, 0.0, 0.0, 0.1, 0.0, 0.0], 200)[:, None]  # 20 s


def levelled(signal: np.ndarray, pieces: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    made = Levelling(signal.shape[1], FS)
    size = pieces or len(signal)
    parts = [made.push(signal[at : at + size]) for at in range(0, len(signal), size)]
    x, out = zip(*parts, made.finish(), strict=True)
    return np.concatenate(x), np.concatenate(out)


@pytest.mark.parametrize("offset", [0.0, -300.0, 300.0])
@pytest.mark.parametrize("drift", [0.0, 15.0])  # mV/s
def test_ecg_with_any_offset_is_kept(offset: float, drift: float) -> None:
    signal = BEATS + offset + drift * np.arange(len(BEATS))[:, None] / FS
    x, out = levelled(signal)
    np.testing.assert_array_equal(x, signal)
    assert not out.any()


@pytest.mark.parametrize("value", [-163.84, 33.0, 187.0, 1e5, 1e39, -1e308])
@pytest.mark.parametrize("samples", [1, 28, 150])
def test_only_out_of_range_samples_are_removed(value: float, samples: int) -> None:
    signal = BEATS + 3.0
    far = slice(1003, 1003 + samples)
    signal[far] = value
    x, out = levelled(signal)
    assert np.flatnonzero(out[:, 0]).tolist() == list(range(1003, 1003 + samples))
    assert np.isnan(x[far]).all()
    np.testing.assert_array_equal(x[~out], signal[~out])


def test_a_lasting_baseline_is_followed() -> None:
    signal = BEATS.copy()
    signal[500:1500] += 187.0
    x, out = levelled(signal)
    assert 190 <= out[:, 0].sum() <= 230  # 2 s
    assert out[510:690].all()
    assert np.nanmax(np.abs(x)) < FAR_MV
    np.testing.assert_array_equal(x[1520:], BEATS[1520:])


def test_a_section_without_a_stable_baseline_is_removed() -> None:
    signal = BEATS.copy()
    signal[500:1500, 0] = np.random.default_rng(0).uniform(-200, 200, 1000)
    x, out = levelled(signal)
    assert np.nanmax(np.abs(x[:1600])) < 3 * FAR_MV
    assert out[500:1500].mean() > 0.7
    assert not out[1520:].any()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 500))
def test_output_does_not_depend_on_the_chunks(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    signal = np.repeat(rng.choice([0, 5, 15, 25, 187, np.nan], (20, 2)), 70, axis=0)
    signal += rng.normal(size=signal.shape)
    signal[rng.random(signal.shape) < 0.01] = 1e39
    whole, pieces = levelled(signal), levelled(signal, size)
    for a, b in zip(whole, pieces, strict=True):
        np.testing.assert_array_equal(a, b)
