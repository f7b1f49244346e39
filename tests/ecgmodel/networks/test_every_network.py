"""Properties that every network must have: saving, training, export to ONNX."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

from ecgmodel.networks import architecture, build_network, load_network
from ecgmodel.support import plugins
from ecgmodel.training.seeding import seeded

NAMES = plugins.names("networks")
# Loss with which each baseline network was published.
LOSSES = {"deepfilter": "ssd_mad", "tcdae": "huber_spectral", "fcn_dae": "mse"}
# Of the largest, fewer equal parts: what holds for two blocks or levels holds for more.
SMALLER: dict[str, dict[str, Any]] = {
    "strided_unet": {"channels": (16, 24, 32), "attended": 2},
    "tcdae": {"blocks": 2},
}


def build(name: str) -> keras.Model:
    return build_network(name, SMALLER.get(name, {}))


@cache
def network(name: str) -> keras.Model:
    """Return a network without any bias, scale or mean at its neutral initial value."""
    model = seeded(build(name), 0)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if weight.shape and len(weight.shape) == 1:
            weight.assign(weight + 0.1 * np.abs(rng.standard_normal(weight.shape)))
    return model


def lengths(name: str) -> tuple[int, int]:
    module = architecture(name)
    stride = module.stride(module.Settings(**SMALLER.get(name, {})))
    return stride * -(-100 // stride), stride * -(-256 // stride)


def windows(count: int, samples: int) -> np.ndarray:
    rng = np.random.default_rng(samples)
    return (0.3 * rng.standard_normal((count, samples, 1))).astype(np.float32)


def pairs(count: int, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy and clean windows of a pulse at random places."""
    rng = np.random.default_rng(0)
    places = np.arange(samples) - rng.integers(20, samples - 20, (count, 1))
    clean = np.exp(-((places / 4) ** 2))[..., None].astype(np.float32)
    return clean + 0.2 * rng.standard_normal(clean.shape).astype(np.float32), clean


def loss_of(name: str) -> keras.losses.Loss:
    return plugins.load("losses", LOSSES.get(name, "relative"), "loss").Loss()


@pytest.mark.parametrize("name", NAMES)
def test_output_does_not_depend_on_the_batch(name: str) -> None:
    model = network(name)
    for samples in lengths(name):
        for count in (2, 16):
            batch = windows(count, samples)
            alone = np.concatenate([np.asarray(model(batch[i : i + 1])) for i in range(count)])
            np.testing.assert_allclose(np.asarray(model(batch)), alone, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_network_gives_the_same_output(name: str, tmp_path: Path) -> None:
    network(name).save(tmp_path / "model.keras")
    saved = load_network(tmp_path / "model.keras")
    for samples in lengths(name):
        batch = windows(3, samples)
        np.testing.assert_array_equal(np.asarray(saved(batch)), np.asarray(network(name)(batch)))


@pytest.mark.parametrize("name", NAMES)
def test_initial_weights_depend_on_the_seed(name: str) -> None:
    first, again, other = (seeded(build(name), seed).get_weights() for seed in (1, 1, 2))
    for mine, theirs in zip(first, again, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert any(np.any(mine != theirs) for mine, theirs in zip(first, other, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_every_weight_gets_a_finite_gradient(name: str) -> None:
    model = seeded(build(name), 0)
    noisy, clean = pairs(8, lengths(name)[1])
    with tf.GradientTape() as tape:
        loss = loss_of(name)(clean, model(noisy, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.path
        assert np.all(np.isfinite(gradient)), variable.path


@pytest.mark.parametrize("name", NAMES)
def test_training_on_one_batch_lowers_its_loss(name: str) -> None:
    keras.utils.set_random_seed(0)
    model = seeded(build(name), 0)
    noisy, clean = pairs(16, lengths(name)[1])
    model.compile(keras.optimizers.Adam(2e-3), loss_of(name), jit_compile=False)
    losses = [float(model.train_on_batch(noisy, clean)) for _ in range(30)]
    assert np.mean(losses[-5:]) < 0.8 * losses[0]


@pytest.mark.parametrize("name", NAMES)
def test_the_onnx_export_gives_the_same_output(name: str, tmp_path: Path) -> None:
    """One file serves any number of windows of any valid length."""
    path = str(tmp_path / "model.onnx")
    network(name).export(path, format="onnx", verbose=False)
    session: Any = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    for samples in lengths(name):
        for count in (1, 5):
            batch = windows(count, samples)
            (cleaned,) = session.run(None, {given.name: batch})
            np.testing.assert_allclose(cleaned, np.asarray(network(name)(batch)), atol=1e-4)
