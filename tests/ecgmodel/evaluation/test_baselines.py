"""Classical filters preserve the band of the ECG and attenuate other frequencies."""

import numpy as np
import pytest

from ecgmodel.errors import UnknownNameError
from ecgmodel.evaluation import baselines, metrics

from .made import at_snr, ecg, noise

FILTERS = ("butterworth", "fir", "wavelet", "neurokit")
TIME = np.arange(11520) / 360


def gain(name: str, frequency: float) -> float:
    """Return how much of a sine is left in the middle of a segment."""
    sine = np.sin(2 * np.pi * frequency * TIME)[None]
    middle = slice(2000, -2000)
    return float(baselines.load(name)(sine)[0, middle].std() / sine[0, middle].std())


def test_every_baseline_has_a_label():
    assert set(baselines.names()) == {"none", *FILTERS}
    assert all(baselines.label(name) for name in baselines.names())


def test_an_unknown_baseline_is_refused_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match="butterworth"):
        baselines.load("buterworth")


@pytest.mark.parametrize("name", FILTERS)
def test_the_shape_is_kept_and_the_input_is_unchanged(name):
    for samples in (2047, 11520):
        signal = np.random.default_rng(0).normal(size=(3, samples)).astype(np.float32)
        before = signal.copy()
        result = baselines.load(name)(signal)
        assert result.shape == signal.shape
        assert np.isfinite(result).all()
        np.testing.assert_array_equal(signal, before)


@pytest.mark.parametrize("name", ["butterworth", "fir"])
def test_band_edges(name):
    assert gain(name, 0.1) < 0.05
    assert gain(name, 10) == pytest.approx(1, abs=0.03)
    assert gain(name, 60) < 0.3
    assert gain(name, 90) < 0.05


@pytest.mark.parametrize("name", FILTERS)
def test_rows_are_filtered_independently(name):
    rng = np.random.default_rng(0)
    rows = np.stack([at_snr(ecg(rng), noise("ma", rng), 6) for _ in range(2)])
    together = baselines.load(name)(rows)
    alone = np.concatenate([baselines.load(name)(row[None]) for row in rows])
    np.testing.assert_allclose(together, alone, atol=1e-9)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("kind", ["bw", "ma"])
def test_noise_outside_the_band_is_removed_with_zero_phase(name, kind):
    rng = np.random.default_rng(0)
    clean = baselines.load("butterworth")(ecg(rng)[None])  # nothing left of its own offset
    noisy = at_snr(clean[0], noise(kind, rng), 0)[None]
    result = metrics.measure(clean, noisy, baselines.load(name)(noisy))
    assert result["snr_improvement"][0] > 3


def test_wavelet_removes_wander_and_offset():
    wander = 0.5 + np.sin(2 * np.pi * 0.1 * TIME)[None]
    assert np.abs(baselines.load("wavelet")(wander)[0, 2000:-2000]).max() < 0.05


def test_no_filter_changes_nothing():
    signal = np.random.default_rng(0).normal(size=(2, 100))
    np.testing.assert_array_equal(baselines.load("none")(signal), signal)
