"""TCDAE as in its code: gates and their noise, positions, skips; and any window length."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from ecgmodel.networks import tcdae
from ecgmodel.networks._tcdae import GateNoise, Positions
from ecgmodel.networks.tcdae import Settings, build


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return build(Settings())


def test_it_has_the_published_sizes(network: keras.Model) -> None:
    for number, filters in enumerate((16, 32, 64), start=1):
        for name in (f"encode_{number}", f"encode_{number}_gate"):
            layer = network.get_layer(name)
            assert (layer.filters, layer.kernel_size, layer.strides) == (filters, (13,), (2,))
    decoder = [x for x in network.layers if isinstance(x, keras.layers.Conv1DTranspose)]
    assert [x.filters for x in decoder] == [64, 32, 16, 1]
    assert [x.strides for x in decoder] == [(1,), (2,), (2,), (2,)]
    assert [x.activation.__name__ for x in decoder] == ["elu"] * 3 + ["linear"]
    attention = [x for x in network.layers if isinstance(x, keras.layers.MultiHeadAttention)]
    assert [(x.num_heads, x.key_dim) for x in attention] == [(8, 64)] * 6
    assert tcdae.stride(Settings()) == 8


def test_parameter_count_by_hand(network: keras.Model) -> None:
    gated = sum(2 * (13 * a * b + b) + 4 * b for a, b in ((1, 16), (16, 32), (32, 64)))
    block = 3 * (64 * 512 + 512) + (512 * 64 + 64) + 2 * (64 * 64 + 64) + 2 * 2 * 64
    decoder = [(64, 64), (64, 32), (32, 16)]
    back = sum(13 * a * b + b + 4 * b for a, b in decoder) + 13 * 16 + 1
    assert network.count_params() == gated + 6 * block + back == 1_002_433


def test_positions_are_sines_and_cosines() -> None:
    given = np.asarray(Positions(scale=512)(np.ones((2, 5, 6), np.float32))) - 1
    for place in range(5):
        for j in range(3):
            angle = place * 10_000 ** (-2 * j / 512)
            wanted = [np.sin(angle), np.cos(angle)]
            np.testing.assert_allclose(given[:, place, 2 * j : 2 * j + 2], [wanted] * 2, atol=1e-5)


@pytest.mark.parametrize("places", [1, 6, 2])
def test_positions_do_not_depend_on_the_batch(places: int) -> None:
    """Also with as many positions as channels or windows."""
    x = np.random.default_rng(0).standard_normal((6, places, 6)).astype(np.float32)
    layer = Positions(scale=512)
    alone = np.concatenate([np.asarray(layer(x[i : i + 1])) for i in range(6)])
    np.testing.assert_allclose(np.asarray(layer(x)), alone, atol=1e-6)
    np.testing.assert_allclose(alone - x, np.broadcast_to((alone - x)[:1], x.shape), atol=1e-6)


def test_the_network_receives_positions(network: keras.Model) -> None:
    """Without them, attention over a constant signal is constant far from both ends."""
    middle = np.asarray(network(np.ones((1, 1024, 1), np.float32)))[0, 400:624:8, 0]
    assert np.ptp(middle) > 1e-4


def test_gates_are_noisy_only_in_training() -> None:
    layer, x = GateNoise(seed=1), np.full((4, 200, 8), 2.0, np.float32)
    np.testing.assert_array_equal(np.asarray(layer(x)), x)
    factor = np.asarray(layer(x, training=True)) / 2
    assert factor.min() >= 0
    assert factor.max() < 2
    assert factor.mean() == pytest.approx(1, abs=0.05)
    assert factor.std() == pytest.approx(2 / np.sqrt(12), abs=0.05)
    assert np.abs(np.asarray(layer(x, training=True)) / 2 - factor).max() > 0.1
    again = GateNoise.from_config(layer.get_config())
    np.testing.assert_array_equal(np.asarray(again(x, training=True)) / 2, factor)


def test_settings_change_the_network() -> None:
    settings = Settings(filters=(4, 6), blocks=1, heads=2, head_size=3, hidden=5, dropout=0.1)
    assert tcdae.stride(settings) == 4
    assert build(settings)(np.zeros((2, 12, 1), np.float32)).shape == (2, 12, 1)
    with pytest.raises(ValidationError, match="even"):
        Settings(filters=(4, 5))
