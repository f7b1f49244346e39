"""The cost of a network, against figures worked out by hand."""

from __future__ import annotations

from typing import Any

import keras
import pytest

from ecgmodel.architectures import build_network
from ecgmodel.cost import count_macs, network_cost
from ecgmodel.errors import ModelError

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
        # TensorFlow works on three interleaved parts of equal length, so on two samples more.
        (keras.layers.Conv1D(6, 5, padding="same", dilation_rate=3), (L + 2) * 5 * 4 * 6),
        (keras.layers.DepthwiseConv1D(7, padding="same"), L * 7 * 4),
        (keras.layers.Conv1DTranspose(6, 4, strides=2, padding="same"), L * 4 * 4 * 6),
        (keras.layers.Dense(9), L * 4 * 9),
        (keras.layers.EinsumDense("blc,cd->bld", (None, 9)), L * 4 * 9),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_each_kind_of_layer_counts_as_by_hand(layer: Any, macs: int) -> None:
    assert count_macs(network(layer, channels=4), L) == L * 4 + macs


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


def test_weights_that_nothing_counts_are_an_error() -> None:
    class Scaled(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(shape=(L, 4))

        def call(self, x: Any) -> Any:
            return x * self.kernel

    grouped = keras.layers.Conv1D(6, 5, padding="same", groups=2)  # a graph of its own, for XLA
    with pytest.raises(ModelError, match="64 weights in kernels, but only 4"):
        count_macs(network(grouped, channels=4), L)
    with pytest.raises(ModelError, match="1,028 weights in kernels, but only 4"):
        count_macs(network(Scaled(), channels=4), L)
