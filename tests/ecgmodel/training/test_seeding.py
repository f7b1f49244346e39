"""Initial weights depend only on the seed."""

from __future__ import annotations

import random
import threading

import keras
import numpy as np

from ecgmodel.networks import build_network
from ecgmodel.training.seeding import seeded

OPTIONS = {"filters": (8, 4), "dropout": 0.2}


def state(network: keras.Model) -> list[np.ndarray]:
    """Return the weights, and the states of the random generators of dropout."""
    return [keras.ops.convert_to_numpy(v) for v in network.variables]


def test_weights_depend_on_the_seed_and_not_on_other_threads() -> None:
    expected = state(seeded(build_network("conv_autoencoder", OPTIONS), 3))
    done = threading.Event()

    def disturb() -> None:
        while not done.wait(0.0005):
            random.random()

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        for _ in range(3):
            again = state(seeded(build_network("conv_autoencoder", OPTIONS), 3))
            assert all(np.array_equal(a, b) for a, b in zip(expected, again, strict=True))
    finally:
        done.set()
        thread.join()


def test_layers_and_seeds_give_different_weights() -> None:
    def build(units: int) -> keras.Model:
        inputs = keras.Input((6,))
        return keras.Model(inputs, keras.layers.Dense(6)(keras.layers.Dense(units)(inputs)))

    one, two = (seeded(build(6), seed).get_weights() for seed in (1, 2))
    assert not np.array_equal(one[0], two[0])
    assert not np.array_equal(one[0], one[2])


def test_an_explicit_seed_is_kept() -> None:
    inputs = keras.Input((6,))
    layer = keras.layers.Dense(4, kernel_initializer=keras.initializers.GlorotUniform(seed=11))
    network = keras.Model(inputs, layer(inputs))
    assert np.array_equal(seeded(network, 1).get_weights()[0], network.get_weights()[0])
