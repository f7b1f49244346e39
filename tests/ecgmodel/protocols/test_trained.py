"""Committed networks are those whose hashes are listed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from ecgmodel import protocols
from ecgmodel.errors import MissingFileError, ModelError, SettingsError
from ecgmodel.models.trained import LARGEST, Trained, shipped, trained
from ecgmodel.protocols._qt_bw.training import read_recipe
from ecgmodel.settings.config import load_settings
from ecgmodel.support.quiet import import_keras


@pytest.fixture
def one(tmp_path: Path) -> Trained:
    folder = tmp_path / "qt-bw" / "small"
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text("network: {architecture: fcn_dae}\n")
    (found,) = trained("qt-bw", tmp_path)
    found.put({"version-1.keras": network(tmp_path / "made", "weights")})
    return found


def network(path: Path, weights: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("model.weights.h5", weights * 1000)
    return path


def weights(path: Path) -> str:
    with zipfile.ZipFile(path) as file:
        return file.read("model.weights.h5").decode()


def test_a_network_is_found_and_checked(one: Trained) -> None:
    assert one.name == "small"
    path = one.file("version-1.keras")
    assert weights(path) == "weights" * 1000
    assert path.stat().st_size < 1000
    assert one.has("version-1.keras")
    assert not one.has("version-1.keras", "version-2.keras")


def test_one_that_was_altered_is_refused(one: Trained) -> None:
    (one.folder / "version-1.keras").write_bytes(b"weightz")
    with pytest.raises(ModelError, match=r"version-1\.keras is missing or"):
        one.file("version-1.keras")


def test_what_is_put_again_replaces_the_former(one: Trained, tmp_path: Path) -> None:
    other = network(tmp_path / "other", "better")
    one.put({"version-1.keras": other, "version-2.keras": other})
    assert weights(one.file("version-1.keras")) == "better" * 1000
    assert one.has("version-1.keras", "version-2.keras")


def test_weights_of_a_large_network_are_kept_in_half_and_it_answers_the_same(
    one: Trained, tmp_path: Path
) -> None:
    import_keras()
    import keras

    layers = [keras.layers.Dense(800, activation="tanh", name=n) for n in ("first", "second")]
    large = keras.Sequential([keras.Input((64,)), *layers, keras.layers.Dense(1)])
    large.save(tmp_path / "large.keras")
    one.put({"version-1.keras": tmp_path / "large.keras"})
    path = one.file("version-1.keras")
    assert path.stat().st_size < LARGEST < (tmp_path / "large.keras").stat().st_size
    kept = keras.saving.load_model(path, compile=False)
    assert {weight.dtype for weight in kept.weights} == {"float32"}
    given = np.random.default_rng(0).normal(size=(5, 64)).astype(np.float32)
    np.testing.assert_allclose(kept(given), large(given), atol=2e-3)
    assert np.any(np.asarray(kept(given)) != np.asarray(large(given)))


def test_a_recipe_says_what_is_wrong_with_it(one: Trained, tmp_path: Path) -> None:
    assert read_recipe(one.recipe).network.architecture == "fcn_dae"
    one.recipe.write_text("network: {architecture: fcn_dae}\nbeats: {ratio: 1}\n")
    with pytest.raises(SettingsError, match=r"recipe\.yaml: There is no setting 'beats.ratio'"):
        read_recipe(one.recipe)
    with pytest.raises(MissingFileError):
        read_recipe(tmp_path / "none.yaml")


def test_weights_and_their_recipe_are_listed_together(one: Trained) -> None:
    assert one.has("recipe.yaml")
    one.recipe.write_text("network: {architecture: tcdae}\n")
    with pytest.raises(ModelError, match=r"recipe\.yaml is missing or"):
        one.file("recipe.yaml")


def test_every_committed_network_is_small_and_whole_and_of_the_recipe_beside_it() -> None:
    for protocol in protocols.names():
        for one in (*trained(protocol), *shipped()):
            if list(one.folder.glob("*.keras")):
                one.file("recipe.yaml")
        for one in trained(protocol):
            (read_recipe if protocol == "qt-bw" else load_settings)(one.recipe)
            for path in one.folder.glob("*.keras"):
                assert one.file(path.name).stat().st_size < LARGEST, path
