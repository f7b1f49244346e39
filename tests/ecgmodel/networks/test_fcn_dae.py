"""FCN-DAE as in its paper: sizes, code length, positions of ELU and normalisation."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from ecgmodel.networks import fcn_dae
from ecgmodel.networks.fcn_dae import Settings, build


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return build(Settings())


def convolutions(network: keras.Model) -> list[keras.layers.Layer]:
    kinds = (keras.layers.Conv1D, keras.layers.Conv1DTranspose)
    return [layer for layer in network.layers if isinstance(layer, kinds)]


def test_it_has_the_papers_sizes(network: keras.Model) -> None:
    steps = convolutions(network)
    assert [s.filters for s in steps] == [40, 20, 20, 20, 40, 1, 1, 40, 20, 20, 20, 40, 1]
    assert [s.strides for s in steps] == [(2,)] * 5 + [(1,)] * 2 + [(2,)] * 5 + [(1,)]
    transposed = [isinstance(s, keras.layers.Conv1DTranspose) for s in steps]
    assert transposed == [False] * 6 + [True] * 7
    assert {s.kernel_size for s in steps} == {(16,)}
    assert [s.activation.__name__ for s in steps] == ["elu"] * 12 + ["linear"]
    norms = [x for x in network.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert len(norms) == 12


def test_parameter_count_by_hand(network: keras.Model) -> None:
    encoder = [(1, 40), (40, 20), (20, 20), (20, 20), (20, 40), (40, 1)]
    decoder = [(1, 1), (1, 40), (40, 20), (20, 20), (20, 20), (20, 40), (40, 1)]
    kernels = sum(16 * a * b + b for a, b in encoder + decoder)
    norms = 4 * 2 * (40 + 20 + 20 + 20 + 40 + 1)
    assert network.count_params() == kernels + norms == 80_787


def test_the_code_is_32_times_shorter_than_the_signal(network: keras.Model) -> None:
    encoder = keras.Model(network.input, network.get_layer("code_norm").output)
    assert encoder(np.zeros((2, 1024, 1), np.float32)).shape == (2, 32, 1)
    assert fcn_dae.stride(Settings()) == 32


def test_the_network_does_not_standardise(network: keras.Model) -> None:
    """As published it takes mV: it has to learn to remove an offset."""
    windows = np.random.default_rng(0).standard_normal((2, 256, 1)).astype(np.float32)
    once, moved = np.asarray(network(windows)), np.asarray(network(windows + 3))
    assert np.abs(moved - once).max() > 1e-3


def test_settings_change_the_network() -> None:
    settings = Settings(filters=(8, 4), width=5)
    assert fcn_dae.stride(settings) == 4
    steps = convolutions(build(settings))
    assert [s.filters for s in steps] == [8, 4, 1, 1, 4, 8, 1]
