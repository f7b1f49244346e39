"""Losses against values worked out by hand, and properties that every loss must have."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from ecgmodel.support import plugins
from ecgmodel.training.settings import TrainingSettings

NAMES = plugins.names("losses")


def loss(name: str) -> keras.losses.Loss:
    return plugins.load("losses", name, "loss").Loss()


def value(name: str, clean: np.ndarray, output: np.ndarray) -> float:
    """Return the loss of rows of samples `(windows, samples)`."""
    clean, output = (x[..., None].astype(np.float32) for x in (clean, output))
    return float(loss(name)(clean, output))


def beats(windows: int = 4, samples: int = 256, seed: int = 0) -> np.ndarray:
    place = np.random.default_rng(seed).integers(20, samples - 20, (windows, 1))
    return np.exp(-(((np.arange(samples) - place) / 4) ** 2))


def noise(windows: int = 4, samples: int = 256, seed: int = 1) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal((windows, samples))


@pytest.mark.parametrize("name", NAMES)
def test_each_loss_is_zero_without_error_and_grows_with_it(name: str) -> None:
    clean = beats()
    values = [value(name, clean, clean + share * noise()) for share in (0, 0.1, 1, 3)]
    assert values[0] == pytest.approx(0, abs=2e-4)
    assert values == sorted(values)
    assert values[1] > values[0]


@pytest.mark.parametrize("name", NAMES)
def test_each_loss_is_a_mean_over_windows(name: str) -> None:
    clean, output = beats(), beats() + noise()
    whole = value(name, clean, output)
    twice = value(name, np.tile(clean, (2, 1)), np.tile(output, (2, 1)))
    assert twice == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("where", ["flat", "flat, right", "right", "an output of zeros"])
def test_gradients_are_finite(name: str, where: str) -> None:
    clean = (0 if where.startswith("flat") else 1) * beats()
    output = clean if where.endswith("right") else 0 * clean if "zeros" in where else noise()
    signals = [tf.constant(x[..., None], tf.float32) for x in (clean, output)]
    with tf.GradientTape() as tape:
        tape.watch(signals[1])
        got = loss(name)(*signals)
    assert np.isfinite(got)
    assert np.all(np.isfinite(tape.gradient(got, signals[1])))


def test_ssd_mad_by_hand() -> None:
    clean = np.zeros((2, 4))
    output = np.array([[0.1, -0.2, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    first = 0.01 + 0.04 + 50 * 0.04
    assert value("ssd_mad", clean, output) == pytest.approx((first + 51) / 2)


def test_relative_by_hand() -> None:
    clean = np.array([[1.0, -1.0, 1.0, -1.0]])
    output = np.array([[1.5, -0.5, 1.0, -1.0]])
    rmse, worst, deviation = np.sqrt(0.5 / 4), 0.5, 1.0
    centred = output - 0.25
    cosine = np.sum(clean * centred) / np.sqrt(4 * np.sum(centred**2))
    wanted = (rmse + 0.1 * worst) / (deviation + 0.01) + 1 - cosine
    assert value("relative", clean, output) == pytest.approx(wanted, rel=1e-5)


def test_relative_does_not_depend_on_the_gain() -> None:
    clean, output = 3 * beats(), 3 * (beats() + noise())
    large, small = value("relative", 4 * clean, 4 * output), value("relative", clean, output)
    assert small == pytest.approx(large, rel=0.02)


def test_decibel_by_hand() -> None:
    clean = np.array([[1.0, -1.0, 1.0, -1.0], [2.0, -2.0, 2.0, -2.0]])
    output = np.array([[1.1, -0.9, 1.1, -0.9], [2.0, -2.0, 2.0, -2.0]])
    wanted = 10 * np.log10(0.01 / 1.0001 / 1e-3 + 1)
    assert value("decibel", clean, output) == pytest.approx(wanted / 2, rel=1e-4)


def test_decibel_slopes_by_hand() -> None:
    clean = np.tile([1.0, -1.0], 10)[None] * np.repeat([0.0, 2.0, 0.0, 2.0, 0.0], 4)
    error = np.zeros((1, 20))
    error[0, 3] = 0.5  # one sample more in the signal; two slopes hold it, 12 there are

    def left(power: float, wrong: float, floor: float) -> float:
        return 10 * np.log10(wrong / (power + 1e-4) / floor + 1)

    slopes = clean[0, 8:] - clean[0, :-8]
    whole = left(clean.var(), 0.25 / 20, 1e-3)
    steep = left(slopes.var(), 0.25 / 12, 1e-2)
    wanted = 0.5 * whole + 0.5 * steep
    assert value("decibel_slopes", clean, clean + error) == pytest.approx(wanted, rel=1e-4)


def test_slope_loss_ignores_slow_errors() -> None:
    clean = beats()
    drift = np.sin(2 * np.pi * 0.3 * np.arange(clean.shape[1]) / 360)[None]
    fast = np.sin(2 * np.pi * 20 * np.arange(clean.shape[1]) / 360)[None]
    slow, sharp = (value("decibel_slopes", clean, clean + wave) for wave in (drift, fast))
    assert slow < sharp - 3
    assert value("decibel", clean, clean + drift) > value("decibel", clean, clean + fast) - 3


def test_half_the_error_is_six_decibels() -> None:
    clean = beats()
    far, near = (value("decibel", clean, clean + share * noise()) for share in (8, 4))
    assert far - near == pytest.approx(6.02, abs=0.1)


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first, second)[0, 1])


def test_huber_spectral_by_hand() -> None:
    clean, output = beats(3), beats(3) + noise(3)
    error = np.abs(output - clean)
    assert (error > 0.05).any()
    assert (error <= 0.05).any()
    huber = np.where(error <= 0.05, error**2 / 2, 0.05 * (error - 0.025)).mean(axis=1)
    powers = [np.abs(np.fft.rfft(x * np.hanning(256))) ** 2 for x in (clean, output)]
    alike = np.mean([correlation(*rows) for rows in zip(*powers, strict=True)])
    norms = np.linalg.norm(clean, axis=1) * np.linalg.norm(output, axis=1)
    wanted = np.exp(1 - abs(alike)) * huber + 1 - np.sum(clean * output, axis=1) / norms
    assert value("huber_spectral", clean, output) == pytest.approx(wanted.mean(), rel=1e-4)


def test_huber_spectral_weighs_the_same_error_by_its_spectrum() -> None:
    """An error with the signal's spectrum costs less than one at another frequency."""
    clean = beats(1)
    hum = 0.03 * np.sin(np.arange(256) * 2 * np.pi * 60 / 360)[None]
    like = clean * np.sqrt(np.sum(hum**2) / np.sum(clean**2))
    errors = [value("huber_spectral", clean, clean + e) for e in (like, hum)]
    assert errors[0] < errors[1]


def test_an_unknown_loss_gets_the_nearest_name() -> None:
    assert {"mse", "mae", "huber", "log_cosh", "ssd_mad", "huber_spectral", "relative"} <= set(
        NAMES
    )
    with pytest.raises(ValidationError, match=r"relativ.*relative"):
        TrainingSettings(loss="relativ")


@pytest.mark.parametrize("name", ["mse", "mae", "huber", "log_cosh"])
def test_losses_of_keras_keep_their_names(name: str) -> None:
    own = keras.losses.get(name)
    clean, output = beats()[..., None], (beats() + 8 * noise())[..., None]
    assert float(loss(name)(clean, output)) == pytest.approx(float(np.mean(own(clean, output))))
