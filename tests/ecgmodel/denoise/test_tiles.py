"""A network on recordings of any length: no visible tile borders, complete ends, gaps kept."""

import numpy as np
import pytest

from ecgmodel.denoise.tiles import TiledNetwork, crossfade, from_keras
from ecgmodel.errors import MissingFileError, ModelError, SettingsError


def identity(tiles):
    return tiles


def scale_by_place(tiles):
    """A network whose error grows towards the ends of its window."""
    place = np.linspace(-1, 1, tiles.shape[1])
    return tiles * (1 - 0.5 * place**2)[:, None]


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5, 0.75, 0.9])
@pytest.mark.parametrize("samples", [1, 2, 7, 63, 64, 65, 1000])
def test_an_identity_network_returns_the_signal(samples, overlap):
    signal = np.random.default_rng(0).normal(size=samples)
    result = TiledNetwork(identity, 64, overlap)(signal)
    assert result.shape == signal.shape
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, signal, atol=1e-6)


@pytest.mark.parametrize("hop", [1, 13, 32, 50, 64])
def test_weights_sum_to_one_everywhere(hop):
    weights = crossfade(64, hop)
    total = np.zeros(64 * 6)
    for start in range(0, len(total) - 64, hop):
        total[start : start + 64] += weights
    np.testing.assert_allclose(total[64:-128], 1, atol=1e-6)


def test_leads_are_cleaned_independently():
    signal = np.random.default_rng(0).normal(size=(700, 3))
    denoiser = TiledNetwork(scale_by_place, 128)
    result = denoiser(signal)
    assert result.shape == signal.shape
    for lead in range(3):
        np.testing.assert_array_equal(result[:, lead], denoiser(signal[:, lead]))


def test_a_batch_of_segments_equals_single_calls():
    segments = np.random.default_rng(0).normal(size=(5, 900))
    denoiser = TiledNetwork(scale_by_place, 128, batch=7)
    one_by_one = np.stack([denoiser(segment) for segment in segments])
    np.testing.assert_allclose(denoiser.clean_many(segments), one_by_one, atol=1e-6)


def test_tile_borders_are_invisible():
    result = TiledNetwork(scale_by_place, 128)(np.ones(3000))
    assert np.abs(np.diff(result)).max() < 0.01  # without cross-fades the steps are 0.5


def test_the_position_of_the_tiles_hardly_matters():
    signal = np.sin(np.arange(4000) / 30)
    smooth = TiledNetwork(lambda tiles: tiles - 0.1 * tiles.mean(axis=1, keepdims=True), 256, 0.75)
    shifted = smooth(signal[50:])
    np.testing.assert_allclose(smooth(signal)[400:-400], shifted[350:-400], atol=0.01)


def test_the_ends_have_as_much_context_as_the_middle():
    ends = []

    def see(tiles):
        ends.append(tiles[0, :, 0])
        return tiles

    TiledNetwork(see, 8)(np.arange(1.0, 101.0))
    np.testing.assert_array_equal(ends[0], [5, 4, 3, 2, 1, 2, 3, 4])


def test_gaps_stay_missing_and_their_neighbours_are_cleaned():
    signal = np.linspace(0, 1, 1000)
    signal[300:400] = np.nan
    signal[0] = np.inf
    seen = []

    def watch(tiles):
        seen.append(np.isfinite(tiles).all())
        return tiles

    result = TiledNetwork(watch, 128)(signal)
    assert all(seen)
    np.testing.assert_array_equal(np.isnan(result), ~np.isfinite(signal))
    known = np.isfinite(signal)
    np.testing.assert_allclose(result[known], signal[known], atol=1e-6)


def test_a_lead_without_samples_is_returned_unchanged():
    signal = np.stack([np.full(500, np.nan), np.ones(500)], axis=1)
    result = TiledNetwork(identity, 64)(signal)
    assert np.isnan(result[:, 0]).all()
    np.testing.assert_allclose(result[:, 1], 1, atol=1e-6)


def test_memory_is_bounded_by_one_batch_of_tiles():
    sizes = []

    def measure(tiles):
        sizes.append(len(tiles))
        return tiles

    TiledNetwork(measure, 64, batch=100)(np.zeros(200_000, np.float32))
    assert max(sizes) == 100
    assert sum(sizes) == 200_000 // 32 + 1


def test_empty_input_gives_empty_output_and_input_is_unchanged():
    assert TiledNetwork(identity, 64)(np.zeros(0)).shape == (0,)
    assert TiledNetwork(identity, 64)(np.zeros((0, 2))).shape == (0, 2)
    signal = np.array([1.0, np.nan, 3.0], np.float32)
    TiledNetwork(identity, 64)(signal)
    assert np.isnan(signal[1])


def test_invalid_input_is_refused():
    with pytest.raises(SettingsError, match="overlap=1"):
        TiledNetwork(identity, 64, overlap=1)
    with pytest.raises(ModelError, match="samples, leads"):
        TiledNetwork(identity, 64)(np.zeros((2, 3, 4)))
    with pytest.raises(ModelError, match=r"\(n, samples\)"):
        TiledNetwork(identity, 64).clean_many(np.zeros(5))
    with pytest.raises(ModelError, match="to return the shape"):
        TiledNetwork(lambda tiles: tiles[:, ::2], 64)(np.zeros(100))
    with pytest.raises(MissingFileError, match="nowhere"):
        from_keras("nowhere/model.keras", 64)


def test_a_network_of_several_leads_is_refused(tmp_path):
    import keras

    lines = keras.Input((64, 2))
    keras.Model(lines, keras.layers.Conv1D(1, 1)(lines)).save(tmp_path / "model.keras")
    with pytest.raises(ModelError, match="for single leads"):
        from_keras(tmp_path / "model.keras")


def test_a_saved_network_is_applied_as_it_was_trained(tmp_path):
    from ecgmodel.networks import build_network

    model = build_network("conv_autoencoder")
    model.save(tmp_path / "model.keras")
    denoiser = from_keras(tmp_path / "model.keras", window=64, batch=48)
    signal = np.random.default_rng(0).normal(size=5000).astype(np.float32)
    expected = TiledNetwork(lambda tiles: np.asarray(model(tiles)), 64)(signal)
    np.testing.assert_allclose(denoiser(signal), expected, atol=1e-5)
    np.testing.assert_allclose(denoiser(signal[:100]).shape, (100,))
    with pytest.raises(ModelError, match="window"):
        from_keras(tmp_path / "model.keras")
