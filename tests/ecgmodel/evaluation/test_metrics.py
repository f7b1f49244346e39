"""Metrics against values computed by hand."""

import numpy as np
import pytest

from ecgmodel.errors import SettingsError
from ecgmodel.evaluation import metrics

# Clean: mean 0, power 1. The output is off by 0.5 everywhere and by 1.0 at one sample.
CLEAN = np.array([1.0, -1.0, 1.0, -1.0])
OUTPUT = np.array([1.5, -0.5, 2.0, -0.5])


def test_hand_computed_values():
    assert metrics.rmse(CLEAN, OUTPUT) == pytest.approx(np.sqrt((0.25 * 3 + 1) / 4))
    assert metrics.snr(CLEAN, OUTPUT) == pytest.approx(10 * np.log10(1 / 0.4375))
    assert metrics.prd(CLEAN, OUTPUT) == pytest.approx(100 * np.sqrt(1.75 / 4))
    assert metrics.cosine_similarity(CLEAN, OUTPUT) == pytest.approx(4.5 / np.sqrt(4 * 6.75))
    assert metrics.largest_error(CLEAN, OUTPUT) == 1.0
    assert metrics.squared_error(CLEAN, OUTPUT) == pytest.approx(1.75)
    assert metrics.prd_output(CLEAN, OUTPUT, 0.5) == pytest.approx(100 * np.sqrt(1.75 / 5.25))


def test_an_offset_of_the_error_counts_but_not_of_the_signal():
    shifted = CLEAN + 5
    assert metrics.snr(shifted, shifted + 0.5) == pytest.approx(10 * np.log10(1 / 0.25))
    assert metrics.prd(shifted, shifted + 0.5) == pytest.approx(50.0)


def test_a_zero_denominator_gives_nan():
    flat, zero = np.full(4, 0.3), np.zeros(4)
    assert np.isnan(metrics.snr(CLEAN, CLEAN))
    assert np.isnan(metrics.snr(flat, OUTPUT))
    assert np.isnan(metrics.prd(flat, OUTPUT))
    assert np.isnan(metrics.cosine_similarity(zero, OUTPUT))
    assert np.isnan(metrics.prd_output(CLEAN, flat, 0.3))


def test_metric_windows_cover_the_segment_in_order():
    windows = metrics.cut_windows(np.arange(11520.0)[None], 1024)
    assert windows.shape == (1, 11, 1047)
    assert 11520 - windows.size < 11
    assert windows[0, 1, 0] == 1047


def test_a_metric_window_longer_than_the_segment_is_refused():
    with pytest.raises(SettingsError, match="window=200"):
        metrics.cut_windows(np.zeros((1, 100)), 200)


def test_measure_averages_metric_windows_except_flat_ones():
    rng = np.random.default_rng(0)
    clean = rng.normal(size=(1, 4000))
    clean[:, :1000] = 0.25  # a lead that came off: no SNR there, but an error all the same
    noisy = clean + 0.1
    result = metrics.measure(clean, noisy, clean + 0.05, window=1000)
    assert result["snr_improvement"] == pytest.approx(20 * np.log10(2))
    assert result["rmse"] == pytest.approx(0.05)
    assert np.isfinite(result["prd"]).all()


def test_no_noise_gives_no_improvement_but_an_snr_out():
    clean = np.random.default_rng(0).normal(size=(2, 3000))
    result = metrics.measure(clean, clean, clean * 0.9, window=1000)
    assert np.isnan(result["snr_in"]).all()
    assert np.isnan(result["snr_improvement"]).all()
    assert np.isfinite(result["snr_out"]).all()


@pytest.mark.parametrize(("frequency", "slow"), [(0.1, True), (5.0, False)])
def test_drift_and_shape_separate_slow_from_fast_errors(frequency, slow):
    time = np.arange(11520) / 360
    error = 0.2 * np.sin(2 * np.pi * frequency * time)
    drift, shape = metrics.split_error(np.zeros((1, 11520)), error[None])
    large, small = (drift, shape) if slow else (shape, drift)
    assert large == pytest.approx(0.2 / np.sqrt(2), rel=0.02)
    assert small < 0.01


def test_measure_has_every_metric_for_every_segment():
    rng = np.random.default_rng(0)
    clean, noisy, denoised = rng.normal(size=(3, 5, 2048)).astype(np.float32)
    result = metrics.measure(clean, noisy, denoised)
    assert set(result) == set(metrics.METRICS)
    assert all(values.shape == (5,) for values in result.values())
