"""The cost of a network, against figures worked out by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import keras
import pytest

from ecgmodel.errors import ModelError
from ecgmodel.networks import build_network
from ecgmodel.training.cost import count_macs, network_cost

L = 256


def network(*layers: Any, channels: int = 1) -> keras.Model:
    start = keras.Input((L, 1))
    x = keras.layers.Conv1D(channels, 1, use_bias=False)(start) if channels > 1 else start
    for layer in layers:
        x = layer(x)
    return keras.Model(start, x)


@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        (keras.layers.Conv1D(6, 5, padding="same"), L * 5 * 4 * 6),
        (keras.layers.Conv1D(6, 5, padding="same", strides=4), L // 4 * 5 * 4 * 6),
        (keras.layers.Conv1D(6, 5, padding="same", dilation_rate=3), L * 5 * 4 * 6),
        (keras.layers.Conv1D(6, 5, padding="same", groups=2), L * 5 * 2 * 6),
        (keras.layers.DepthwiseConv1D(7, padding="same"), L * 7 * 4),
        (keras.layers.Conv1DTranspose(6, 4, strides=2, padding="same"), L * 4 * 4 * 6),
        (keras.layers.Dense(9), L * 4 * 9),
        (keras.layers.EinsumDense("blc,cd->bld", (None, 9)), L * 4 * 9),
        (keras.layers.PReLU(), L * 4),
        (keras.layers.GroupNormalization(2), 0),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_each_kind_of_layer_counts_as_by_hand(layer: Any, macs: int) -> None:
    assert count_macs(network(layer, channels=4), L) == L * 4 + macs


UNDER_JAX = """
import sys
sys.modules["tensorflow"] = None  # from here on, importing it raises, whoever does
import keras
from ecgmodel.networks import build_network
from ecgmodel.training.cost import count_macs
assert keras.backend.backend() == "jax"
start = keras.Input((256, 1))
x = keras.layers.Conv1D(4, 1, use_bias=False)(start)
x = keras.layers.Conv1D(6, 5, strides=2, padding="same", groups=2, activation="relu")(x)
x = keras.layers.GroupNormalization(2)(x)
x = keras.layers.PReLU()(x)
x = keras.layers.MultiHeadAttention(num_heads=2, key_dim=8)(x, x)
x = keras.layers.EinsumDense("blc,cd->bld", (None, 9))(x)
x = keras.layers.Conv1DTranspose(3, 4, strides=2, padding="same")(x)
print(count_macs(keras.Model(start, x), 256), count_macs(build_network("conv_autoencoder"), 256))
"""


def test_another_backend_counts_the_same() -> None:
    pytest.importorskip("jax2onnx", reason="Keras exports with it under JAX")
    done = subprocess.run(
        [sys.executable, "-c", UNDER_JAX],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    half = L // 2
    convolutions = L * 4 + half * 5 * 2 * 6
    attention = 4 * half * 6 * 16 + 2 * half * half * 16
    layers = convolutions + half * 6 + attention + half * 6 * 9 + half * 4 * 9 * 3
    plain = count_macs(build_network("conv_autoencoder"), L)
    assert [int(number) for number in done.stdout.split()[-2:]] == [layers, plain]


def test_attention_counts_its_products_of_activations() -> None:
    layer = keras.layers.MultiHeadAttention(num_heads=2, key_dim=8)
    start = keras.Input((L, 4))
    model = keras.Model(start, layer(start, start))
    projections = 4 * L * 4 * 16  # query, key, value and output
    products = 2 * L * L * 16  # scores, and the weighted sum
    wrapped = network(keras.layers.Conv1D(4, 1, use_bias=False), model, channels=1)
    assert count_macs(wrapped, L) == L * 4 + projections + products


def test_the_default_network_costs_what_its_layers_say() -> None:
    model = build_network("conv_autoencoder")
    widths = [(L, 1, 32), (L // 2, 32, 16), (L // 4, 16, 8)]
    back = [(L // 8, 8, 8), (L // 4, 8, 16), (L // 2, 16, 32), (L, 32, 1)]
    macs = sum(3 * length * a * b for length, a, b in widths + back)
    assert count_macs(model, L) == macs
    cost = network_cost(model, L, 0.5)
    assert cost.parameters == model.count_params() == 4337
    assert cost.macs_per_second == pytest.approx(macs * 360 / (L / 2))


def test_fcn_dae_costs_what_its_layers_say() -> None:
    """A convolution works on its outputs, a transposed one on its inputs; all are 16 wide."""
    encoder = [(128, 1, 40), (64, 40, 20), (32, 20, 20), (16, 20, 20), (8, 20, 40), (8, 40, 1)]
    decoder = [(8, 1, 1), (8, 1, 40), (16, 40, 20), (32, 20, 20), (64, 20, 20), (128, 20, 40)]
    macs = sum(16 * length * a * b for length, a, b in [*encoder, *decoder, (256, 40, 1)])
    assert count_macs(build_network("fcn_dae"), 256) == macs == 3_942_528


def test_deepfilter_costs_what_its_branches_say() -> None:
    plain = sum(2 * (3 + 5 + 9 + 15) * a * b for a, b in [(1, 8), (60, 4), (30, 2)])
    dilated = sum(2 * (5 + 9 + 15) * a * b for a, b in [(64, 10), (32, 5), (16, 2)])
    macs = 300 * (plain + dilated + 9 * 12)
    assert count_macs(build_network("deepfilter"), 300) == macs == 20_422_800


def test_tcdae_costs_what_its_products_say() -> None:
    n = L // 8
    gated = 2 * 13 * (4 * n * 1 * 16 + 2 * n * 16 * 32 + n * 32 * 64)
    block = 4 * n * 64 * 512 + 2 * n * n * 512 + 2 * n * 64 * 64
    decoder = 13 * (n * 64 * 64 + n * 64 * 32 + 2 * n * 32 * 16 + 4 * n * 16 * 1)
    assert count_macs(build_network("tcdae"), L) == gated + 6 * block + decoder


class Added(keras.layers.Layer):
    """Adds a weight for each place: no product."""

    def build(self, shape: Any) -> None:
        self.place = self.add_weight(shape=shape[1:])

    def call(self, x: Any) -> Any:
        return self.place + x


class Summed(keras.layers.Layer):
    """A matrix product made by hand."""

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], 9))

    def call(self, x: Any) -> Any:
        return keras.ops.sum(x[..., None] * self.kernel, axis=-2)


class Placed(keras.layers.Layer):
    """Puts the signal's first sample into a table of weights."""

    def build(self, shape: Any) -> None:
        self.table = self.add_weight(shape=(9, shape[-1]))

    def call(self, x: Any) -> Any:
        return keras.ops.scatter_update(self.table, [[0]], x[0, :1])


@pytest.mark.parametrize(("layer", "macs"), [(Added, 0), (Summed, L * 4 * 9)])
def test_layers_of_ones_own_are_counted(layer: type[keras.layers.Layer], macs: int) -> None:
    assert count_macs(network(layer(), channels=4), L) == L * 4 + macs


def test_what_follows_a_grouped_convolution_is_counted_too() -> None:
    grouped = keras.layers.Conv1D(6, 5, strides=2, padding="same", groups=2)
    after = keras.layers.Conv1D(3, 1)
    model = network(grouped, after, channels=4)
    assert count_macs(model, L) == L * 4 + L // 2 * (5 * 2 * 6 + 6 * 3)
    model.trainable = False  # frozen weights cost as much
    assert count_macs(model, L) == L * 4 + L // 2 * (5 * 2 * 6 + 6 * 3)


@pytest.mark.parametrize(
    ("layer", "named"),
    [(Placed(), "ScatterND"), (keras.layers.GRU(8, return_sequences=True), "Loop")],
    ids=["an operation", "a loop"],
)
@pytest.mark.parametrize("trainable", [True, False])
def test_what_is_not_counted_is_named(
    layer: keras.layers.Layer, named: str, trainable: bool
) -> None:
    model = network(layer, channels=4)
    model.trainable = trainable
    with pytest.raises(ModelError, match=rf"uses {named} .* add the missing kind"):
        count_macs(model, L)
