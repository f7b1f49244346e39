"""The registry: a version a training, one champion, and a history that a rollback can follow."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ecgmodel.settings.config import Settings
from ecgmodel.store import Store
from flows.train import Training, train
from tasks.tracking import Finished, Registry, RegistryError, Tracker, lineage
from tests.flows import small

First = tuple[Settings, Training]


@pytest.fixture
def registry(store: Path) -> Registry:
    """A registry of its own, with the first run's version and two copies of it."""
    settings = small.small(store)
    registry = Registry(Tracker(settings.tracking, Store(store)))
    first = registry.version(1)
    for _ in range(2):
        registry._client.create_model_version(
            registry.name, first.source, first.run_id, tags=dict(first.tags)
        )
    return registry


def test_a_training_is_registered_once_and_the_first_good_one_is_champion(first: First) -> None:
    _, result = first
    registry = Registry(result.tracker)
    (version,) = registry.versions()
    assert version.training == result.model.key[:32]
    assert version.run_id == result.run_id
    assert version.window == 512
    assert version.folder == result.dataset.path
    splits = result.dataset.info["splits"]
    seen = {subject for subject, split in splits.items() if split != "test"}
    assert set(lineage(registry, version).seen) == seen
    assert version.verdict
    champion = registry.champion()
    if result.judged.verdict and result.judged.verdict.promoted:
        assert champion == version
    else:
        assert champion is None


def test_the_same_weights_made_by_other_code_are_the_same_version(
    first: First, store: Path
) -> None:
    _, result = first
    registry = Registry(Tracker(result.tracker.settings, Store(store)))
    again = replace(result.model, key="f" * 64)
    lineage_of = lineage(registry, registry.version(1))
    finished = Finished(
        first[0], result.dataset, again, result.model, result.report, {}, "by hand", lineage_of
    )
    assert registry.register(finished, result.run_id).number == 1
    assert [version.number for version in registry.versions()] == [1]
    assert registry.version(1).training == "f" * 32


def test_promotions_and_rollbacks_form_a_history(registry: Registry) -> None:
    def in_use() -> int:
        champion = registry.champion()
        assert champion is not None
        return champion.number

    for number in (1, 2, 3):
        registry.promote(registry.version(number), "hand", f"try {number}")
        assert in_use() == number
    registry.roll_back("3 was worse")
    assert in_use() == 2
    registry.roll_back("2 was worse")
    assert in_use() == 1
    registry.promote(registry.version(3), "hand", "3 after all")
    registry.roll_back("no")
    assert in_use() == 1
    last = registry.history()[-1]
    assert (last.version, last.former, last.how, last.reason) == (1, 3, "rollback", "no")
    assert "ecg.taken_back" in registry.version(3).tags


def test_promoting_the_champion_again_adds_nothing(registry: Registry) -> None:
    registry.promote(registry.version(2), "hand", "a")
    before = registry.history()
    registry.promote(registry.version(2), "hand", "b")
    assert registry.history() == before


def test_without_a_former_champion_there_is_nothing_to_go_back_to(
    tmp_path: Path, first: First
) -> None:
    settings = small.small(tmp_path / "store")
    registry = Registry(Tracker(settings.tracking, Store(settings.store)))
    assert registry.champion() is None
    assert registry.history() == []
    with pytest.raises(RegistryError, match="no earlier champion"):
        registry.roll_back("")


def test_a_version_that_is_not_there_is_named_with_those_that_are(registry: Registry) -> None:
    with pytest.raises(RegistryError, match=r"'9'.*Versions: 3, 2, 1"):
        registry.version(9)
    with pytest.raises(RegistryError, match="models:/ecg-denoiser@champion"):
        registry.by_address("models:/other@champion")
    assert registry.by_address("models:/ecg-denoiser/2").number == 2


def test_a_network_comes_from_the_store_or_from_mlflow_with_the_same_weights(
    registry: Registry, store: Path
) -> None:
    from ecgmodel.networks import load_network

    version = registry.version(1)
    here = registry.fetch(version, Store(store))
    assert here.path.parent.name == "train"
    weights = load_network(here.file("model.keras")).get_weights()
    shutil.rmtree(here.path)
    there = registry.fetch(version, Store(store))
    assert there.path.parent.name == "models"
    again = load_network(there.file("model.keras")).get_weights()
    for mine, theirs in zip(weights, again, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_training_that_is_repeated_is_not_registered_again(first: First, store: Path) -> None:
    settings = small.small(store)
    result = train(settings, small.unit_folder(store, small.PUBLISH))
    assert len(Registry(result.tracker).versions()) == 1
