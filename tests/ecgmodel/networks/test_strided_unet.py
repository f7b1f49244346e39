"""The project's network: amplitude, offset and options."""

from __future__ import annotations

import numpy as np
import pytest

from ecgmodel.networks.strided_unet import Settings, build, stride
from ecgmodel.training.seeding import seeded

SMALL = {"channels": (8, 12, 16), "width": 3, "blocks": 1, "heads": 2}


def small(**options: object):
    network = seeded(build(Settings.model_validate(SMALL | options)), 0)
    last = network.get_layer("noise")  # starts as "no noise"
    last.set_weights([0.1 * np.ones_like(weight) for weight in last.get_weights()])
    return network


def windows(samples: int = 256) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((4, samples, 1)).astype(np.float32)


def test_an_untrained_network_removes_only_the_offset() -> None:
    network = seeded(build(Settings.model_validate(SMALL)), 0)
    given = windows() + 3
    np.testing.assert_allclose(network(given), given - given.mean(axis=1, keepdims=True), atol=1e-4)


def test_output_scales_with_the_input() -> None:
    network, given = small(), windows()
    once = np.asarray(network(given))
    np.testing.assert_allclose(np.asarray(network(given * 20)), once * 20, rtol=1e-3, atol=2e-3)
    np.testing.assert_allclose(np.asarray(network(given + 3)), once, atol=1e-3)


def test_keep_offset_keeps_the_mean() -> None:
    keeping, given = small(keep_offset=True), windows()
    once = np.asarray(keeping(given))
    np.testing.assert_allclose(np.asarray(keeping(given + 3)), once + 3, atol=1e-3)


@pytest.mark.parametrize(("stem", "channels", "wanted"), [(4, (8, 8), 8), (8, (8, 8, 8), 32)])
def test_windows_must_be_a_multiple_of_the_stride(
    stem: int, channels: tuple[int, ...], wanted: int
) -> None:
    settings = Settings.model_validate(SMALL | {"stem": stem, "channels": channels})
    assert stride(settings) == wanted
    network = build(settings)
    for samples in (wanted, 3 * wanted):
        assert network(windows(samples)).shape == (4, samples, 1)


def test_learned_positions_fix_the_length_and_distinguish_positions() -> None:
    network = small(position=256)
    assert network.input_shape == (None, 256, 1)
    table = network.get_layer("positions").weights[0]
    before = np.asarray(network(windows()))
    table.assign(np.random.default_rng(1).standard_normal(table.shape))
    assert np.abs(np.asarray(network(windows())) - before).max() > 1e-3


def test_dropout_and_attention_are_options() -> None:
    names = {layer.name for layer in small(heads=0).layers}
    assert "attend" not in names
    several = {layer.name for layer in small(attended=2).layers}
    assert {"attend", "attend_1"} <= several
    assert "attend_0" not in several
    narrow = small(merge_width=1).get_layer("merge_0")
    assert narrow.kernel_size == (1,)
    assert "encode_0_0_drop" in {layer.name for layer in small(dropout=0.1).layers}
