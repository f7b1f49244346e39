"""bfloat16 applies only to training, and hardly changes its result."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from ecgmodel.training.precision import OPTION, computing

options = tf.config.optimizer.get_experimental_options


def test_bfloat16_applies_only_inside_the_block() -> None:
    before = options().get(OPTION, False)
    with computing("bfloat16"):
        assert options()[OPTION]
    assert options().get(OPTION, False) == before
    with pytest.raises(KeyboardInterrupt), computing("bfloat16"):
        raise KeyboardInterrupt
    assert options().get(OPTION, False) == before


def test_float32_changes_nothing() -> None:
    before = options()
    with computing("float32"):
        assert options() == before


def test_weights_stay_float32_and_the_loss_falls_equally() -> None:
    noisy = np.random.default_rng(0).normal(size=(64, 128, 1)).astype(np.float32)
    losses = {}
    for precision in ("float32", "bfloat16"):
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Conv1D(16, 9, padding="same", activation="relu") for _ in range(2)]
        network = keras.Sequential([*layers, keras.layers.Conv1D(1, 9, padding="same")])
        network.compile("adam", "mse", jit_compile=False)
        with computing(precision):
            fitted = network.fit(noisy, 0.5 * noisy, epochs=10, batch_size=16, verbose=0)
        losses[precision] = fitted.history["loss"]
        assert {w.dtype for w in network.weights} == {"float32"}
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.05)
