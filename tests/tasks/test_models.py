"""A registered address becomes a denoiser, whether the store, MLflow or only Keras has it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from ecgmodel.denoise.denoiser import Denoiser
from ecgmodel.errors import MissingFileError
from ecgmodel.settings.config import Settings
from ecgmodel.store import Store
from flows.train import Training
from tasks.models import find_model, load_denoiser
from tasks.tracking import Registry, RegistryError, Tracker
from tests.flows import small
from tests.wfdb_files import ecg

First = tuple[Settings, Training]
CHAMPION = "models:/ecg-denoiser@champion"
SIGNAL = ecg(8, 250) + 0.1 * np.random.default_rng(0).standard_normal(2000)


@pytest.fixture
def registry(store: Path) -> Registry:
    registry = Registry(Tracker(small.small(store).tracking, Store(store)))
    registry.promote(registry.version(1), "hand", "for this test")
    return registry


def test_the_champion_cleans_with_the_window_and_tiles_of_its_training(
    first: First, registry: Registry, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {"mix": {"window": 256}, "evaluation": {"overlap": 0.25}}  # of another training
    with small.counted() as made:
        denoiser = load_denoiser(CHAMPION, small.small(store, others))
    assert made == []  # the training exported it
    assert (denoiser.facts.window, denoiser.facts.overlap) == (512, first[0].evaluation.overlap)
    expected = Denoiser.load(small.unit_folder(store, small.EXPORT) / "model.onnx")(SIGNAL, 250)
    np.testing.assert_array_equal(denoiser(SIGNAL, 250), expected)
    monkeypatch.setenv("ECG_STORE", str(store))
    np.testing.assert_array_equal(load_denoiser(CHAMPION)(SIGNAL, 250), expected)


def test_where_only_mlflow_has_it_nothing_is_exported(registry: Registry, store: Path) -> None:
    expected = load_denoiser(CHAMPION, small.small(store))(SIGNAL, 250)
    for stage in ("train", "export"):
        shutil.rmtree(store / stage)
    with small.counted() as made:
        denoiser = load_denoiser(CHAMPION, small.small(store))
    assert made == ["models ecg-denoiser 1"]
    np.testing.assert_array_equal(denoiser(SIGNAL, 250), expected)


def test_a_version_that_holds_the_keras_network_alone_is_exported_once(
    first: First, registry: Registry, store: Path
) -> None:
    """As versions were before they held an ONNX file, and noted no overlap."""
    import mlflow.tensorflow

    from ecgmodel.networks import load_network

    expected = load_denoiser(CHAMPION, small.small(store))(SIGNAL, 250)
    old, client = registry.version(1), registry.tracker.client
    with mlflow.start_run(run_id=old.run_id):
        network = load_network(first[1].model.file("model.keras"))
        logged = mlflow.tensorflow.log_model(network, name="model", pip_requirements=[])
    tags = {name: old.tags[name] for name in ("ecg.dataset", "ecg.folder", "ecg.window")}
    client.create_model_version(registry.name, logged.model_uri, old.run_id, tags=tags)
    with small.counted() as made:
        denoiser = load_denoiser("models:/ecg-denoiser/2", small.small(store))
    assert made == ["models ecg-denoiser 2", "export model"]
    np.testing.assert_allclose(denoiser(SIGNAL, 250), expected, rtol=0, atol=1e-4)
    with small.counted() as made:
        found = find_model("models:/ecg-denoiser/2", small.small(store), Store(store))
    assert made == []
    assert (found.label, found.version) == ("models:/ecg-denoiser version 2", "2")


def test_what_is_not_there_is_said(registry: Registry, store: Path, tmp_path: Path) -> None:
    settings = small.small(store)
    with pytest.raises(RegistryError, match=r"no version '9'"):
        load_denoiser("models:/ecg-denoiser/9", settings)
    with pytest.raises(RegistryError, match="models:/ecg-denoiser@champion"):
        load_denoiser("models:/another/1", settings)
    with pytest.raises(MissingFileError, match="ecg-denoiser@champion"):
        load_denoiser(str(tmp_path / "gone.onnx"), settings)


def test_a_version_that_lost_its_network_is_named(
    registry: Registry, store: Path, tmp_path: Path
) -> None:
    (tmp_path / "emptied").mkdir()
    (tmp_path / "emptied" / "MLmodel").write_text("flavors: {}\n")
    source = (tmp_path / "emptied").as_uri()
    registry.tracker.client.create_model_version(registry.name, source)
    with pytest.raises(RegistryError, match="The network of version 2 of ecg-denoiser is missing"):
        load_denoiser("models:/ecg-denoiser/2", small.small(store))
