"""DeepFilter's LANLD as in its code: branches, dilation, dropout and receptive field."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from ecgmodel.networks import deepfilter
from ecgmodel.networks.deepfilter import Settings, build


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return build(Settings())


def branches(network: keras.Model, block: str) -> list[keras.layers.Conv1D]:
    """Return a block's convolutions: a linear and a ReLU branch of one width in each."""
    found = [x for x in network.layers if x.name.startswith(f"{block}_")]
    return [x for x in found if isinstance(x, keras.layers.Conv1D)]


@pytest.mark.parametrize(
    ("kind", "widths", "dilation", "filters"),
    [("plain", [3, 5, 9, 15], 1, [8, 4, 2]), ("dilated", [5, 9, 15], 3, [10, 5, 2])],
)
def test_each_block_is_half_linear_and_half_relu(
    network: keras.Model, kind: str, widths: list[int], dilation: int, filters: list[int]
) -> None:
    for number, each in enumerate(filters, start=1):
        found = branches(network, f"{kind}_{number}")
        assert [b.kernel_size[0] for b in found] == widths
        assert {b.dilation_rate for b in found} == {(dilation,)}
        assert {b.filters for b in found} == {2 * each}
        block = network.get_layer(f"{kind}_{number}")
        inside = keras.Model(network.input, [*(b.output for b in found), block.output])
        *both, joined = inside(np.random.default_rng(0).normal(size=(2, 64, 1)).astype(np.float32))
        linear = [np.asarray(b)[..., :each] for b in both]
        rectified = [np.maximum(np.asarray(b)[..., each:], 0) for b in both]
        np.testing.assert_array_equal(joined, np.concatenate([*linear, *rectified], -1))


def test_initial_weights_have_the_variance_of_single_branches() -> None:
    keras.utils.set_random_seed(0)
    [kernel] = [b.kernel for b in branches(build(Settings()), "dilated_1") if b.kernel_size == (9,)]
    limit = np.sqrt(6 / (9 * 64 + 9 * 10))
    assert 0.98 * limit < np.abs(np.asarray(kernel)).max() <= limit


def test_blocks_alternate_with_dropout_and_normalisation(network: keras.Model) -> None:
    order = [x for x in network.layers if isinstance(x, keras.layers.Concatenate)]
    pairs = [f"{kind}_{number}" for number in (1, 2, 3) for kind in ("plain", "dilated")]
    assert [x.name for x in order] == pairs
    assert [x.output.shape[-1] for x in order] == [64, 60, 32, 30, 16, 12]
    drops = [x for x in network.layers if isinstance(x, keras.layers.Dropout)]
    assert [x.rate for x in drops] == [0.4] * 6
    assert sum(isinstance(x, keras.layers.BatchNormalization) for x in network.layers) == 6
    last = network.get_layer("clean")
    assert (last.kernel_size, last.activation.__name__) == ((9,), "linear")


def test_parameter_count_by_hand(network: keras.Model) -> None:
    plain = [(1, 8), (60, 4), (30, 2)]
    dilated = [(64, 10), (32, 5), (16, 2)]
    kernels = sum(2 * (3 + 5 + 9 + 15) * a * b + 8 * b for a, b in plain)
    kernels += sum(2 * (5 + 9 + 15) * a * b + 6 * b for a, b in dilated)
    norms = 4 * (64 + 60 + 32 + 30 + 16 + 12)
    assert network.count_params() == kernels + norms + (9 * 12 + 1) == 69_147


def test_receptive_field_by_hand(network: keras.Model) -> None:
    """Half a width per layer: three of 15, three of 15 with dilation 3, one of 9."""
    keras.utils.set_random_seed(0)
    reach = 3 * 7 + 3 * 7 * 3 + 4
    windows = np.zeros((1, 401, 1), np.float32)
    other = windows.copy()
    other[0, 200] = 100.0
    changed = np.flatnonzero(np.abs(np.asarray(network(other)) - np.asarray(network(windows))))
    assert (changed.min(), changed.max()) == (200 - reach, 200 + reach)


@pytest.mark.parametrize("samples", [1, 7, 1023])
def test_it_takes_any_length(network: keras.Model, samples: int) -> None:
    assert deepfilter.stride(Settings()) == 1
    assert network(np.zeros((2, samples, 1), np.float32)).shape == (2, samples, 1)


def test_settings_change_the_network() -> None:
    small = build(Settings(filters=(16, 16), dropout=0.0))
    assert [x.filters for x in branches(small, "plain_2")] == [4] * 4
