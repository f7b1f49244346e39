"""Updates of all weights as one vector equal those of Keras's Adam."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from ecgmodel.training.averaging import AveragingAdam, averaged


def network() -> keras.Model:
    keras.utils.set_random_seed(3)
    layers = [keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(2)]
    return keras.Sequential([keras.Input((4,)), *layers])


def trained(optimizer: keras.optimizers.Optimizer, steps: int) -> keras.Model:
    model = network()
    model.compile(optimizer, "mse")
    rng = np.random.default_rng(0)
    for _ in range(steps):
        x = rng.standard_normal((8, 4)).astype(np.float32)
        model.train_on_batch(x, 10 * x[:, :2])
    return model


@pytest.mark.parametrize("clip_norm", [None, 0.5])
def test_updates_equal_adam(clip_norm: float | None) -> None:
    ours = trained(AveragingAdam(0.01, None, clip_norm), 30)
    theirs = trained(keras.optimizers.Adam(0.01, global_clipnorm=clip_norm), 30)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)


def test_the_average_follows_the_weights_and_weights_are_restored() -> None:
    decay, model = 0.5, network()
    model.compile(AveragingAdam(0.01, decay), "mse")
    model.optimizer.build(model.trainable_variables)
    expected = [np.zeros_like(w) for w in model.get_weights()]
    x = np.ones((2, 4), np.float32)
    for step in range(20):
        model.train_on_batch(x, x[:, :2])
        now = min(decay, step / (step + 10))
        weights = model.get_weights()
        expected = [now * a + (1 - now) * w for a, w in zip(expected, weights, strict=True)]
    before = model.get_weights()
    with averaged(model):
        for weight, value in zip(model.get_weights(), expected, strict=True):
            np.testing.assert_allclose(weight, value, rtol=1e-5, atol=1e-7)
    for weight, value in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_the_optimizer_is_recreated_from_its_config() -> None:
    again = AveragingAdam.from_config(AveragingAdam(0.02, 0.9, 1.0).get_config())
    assert (float(again.learning_rate), again.decay, again.clip_norm) == pytest.approx(
        (0.02, 0.9, 1)
    )
