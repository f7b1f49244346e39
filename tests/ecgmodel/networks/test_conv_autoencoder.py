"""The plain convolutional autoencoder: its shape, its amplitude, and saving."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from ecgmodel.networks import conv_autoencoder, load_network
from ecgmodel.networks.conv_autoencoder import Settings, build


def noise(windows: int, samples: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((windows, samples, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return build(Settings())


def test_it_is_the_symmetric_autoencoder(network: keras.Model) -> None:
    convolutions = [x for x in network.layers if isinstance(x, keras.layers.Conv1D)]
    assert [x.filters for x in convolutions] == [32, 16, 8, 8, 16, 32, 1]
    assert {x.kernel_size for x in convolutions} == {(3,)}
    assert [x.activation.__name__ for x in convolutions] == ["relu"] * 6 + ["linear"]
    assert sum(isinstance(x, keras.layers.MaxPooling1D) for x in network.layers) == 3
    assert sum(isinstance(x, keras.layers.UpSampling1D) for x in network.layers) == 3
    assert conv_autoencoder.stride(Settings()) == 8


@pytest.mark.parametrize("samples", [8, 512, 1024, 2560])
def test_the_network_takes_any_multiple_of_the_stride(network: keras.Model, samples: int) -> None:
    assert network(noise(2, samples)).shape == (2, samples, 1)


def test_output_scales_with_the_input(network: keras.Model) -> None:
    windows = noise(4, 256)
    once = np.asarray(network(windows))
    np.testing.assert_allclose(np.asarray(network(windows * 20)), once * 20, rtol=1e-3, atol=1e-3)


def test_the_offset_is_removed_unless_keep_offset(network: keras.Model) -> None:
    windows = noise(4, 256)
    once = np.asarray(network(windows))
    np.testing.assert_allclose(np.asarray(network(windows + 3)), once, atol=1e-4)
    keeping = build(Settings(keep_offset=True))
    keeping.set_weights(network.get_weights())
    mean = windows.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(np.asarray(keeping(windows + 3)), once + mean + 3, atol=1e-4)


@pytest.mark.parametrize("keep_offset", [False, True])
@pytest.mark.parametrize("windows", [1, 8, 16, 32, 64, 33])
def test_output_does_not_depend_on_the_batch(windows: int, keep_offset: bool) -> None:
    """Batches with as many windows as samples (64) or channels (8, 16, 32) change nothing."""
    network = build(Settings(keep_offset=keep_offset))
    batch = noise(windows, 64) + np.arange(windows, dtype=np.float32)[:, None, None]
    alone = np.concatenate([np.asarray(network(batch[i : i + 1])) for i in range(windows)])
    np.testing.assert_allclose(np.asarray(network(batch)), alone, atol=1e-4)
    np.testing.assert_allclose(network.predict(batch, verbose=0), alone, atol=1e-4)


def test_a_flat_window_stays_finite_and_small(network: keras.Model) -> None:
    flat = np.asarray(network(np.full((1, 64, 1), 5.0, np.float32)))
    assert np.abs(flat).max() < 0.01


def test_settings_change_the_network() -> None:
    settings = Settings(filters=(4, 2), width=5, dropout=0.1)
    assert conv_autoencoder.stride(settings) == 4
    small = build(settings)
    assert small(noise(2, 12)).shape == (2, 12, 1)
    assert sum(isinstance(x, keras.layers.Dropout) for x in small.layers) == 2


@pytest.mark.parametrize("keep_offset", [False, True])
def test_a_saved_network_gives_the_same_output(tmp_path: Path, keep_offset: bool) -> None:
    network = build(Settings(keep_offset=keep_offset))
    network.save(tmp_path / "model.keras")
    windows = noise(4, 128)
    np.testing.assert_array_equal(
        np.asarray(load_network(tmp_path / "model.keras")(windows)), np.asarray(network(windows))
    )
