"""The shipped network is the first champion: from the first minute, once, and like any version."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ecgmodel.denoise.denoiser import Denoiser
from ecgmodel.models.lineage import shipped_start
from ecgmodel.models.trained import CARD, NETWORK, shipped
from ecgmodel.settings.config import Settings
from ecgmodel.store import Store, file_sha256
from flows.denoise import denoise
from flows.train import Training, train
from tasks.models import find_model
from tasks.tracking import Registry, Tracker, ensure_champion, lineage
from tests.flows import small
from tests.wfdb_files import ecg, write_record

CHAMPION = "models:/ecg-denoiser@champion"
DEFAULT = next(one for one in shipped() if one.name == "default")
WITH = {"gate": {"first_champion": "default"}}


def registry_of(settings: Settings) -> Registry:
    return Registry(Tracker(settings.tracking, Store(settings.store)))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A registry that was empty until somebody asked for the champion."""
    settings = small.small(tmp_path_factory.mktemp("first") / "store", WITH)
    with ThreadPoolExecutor(2) as pool:  # two at once
        found = list(pool.map(lambda _: ensure_champion(registry_of(settings), "default"), "ab"))
    assert [version.number for version in found if version] == [1, 1]
    return settings


def test_it_is_registered_once_with_card_people_and_history(fresh: Settings) -> None:
    registry = registry_of(fresh)
    assert ensure_champion(registry, "default") == registry.champion()
    (version,) = registry.versions()
    assert version.is_shipped
    assert (version.window, version.overlap) == (4096, 0.0625)
    assert lineage(registry, version) == shipped_start(DEFAULT).lineage
    (change,) = registry.history()
    assert (change.version, change.former, change.how) == (1, None, "shipped")
    assert "shipped with the package" in change.reason
    client = registry.tracker.client
    described = client.get_model_version(registry.name, "1").description
    assert described.startswith("# default: a denoiser")
    assert "Open Data Commons" in described
    files = {item.path for item in client.list_artifacts(version.run_id)}
    assert {CARD, "recipe.yaml", "subjects.yaml", "recordings.json"} <= files


def test_it_cleans_as_the_shipped_file_does(fresh: Settings) -> None:
    used = find_model(CHAMPION, fresh, Store(fresh.store))
    assert used.sha256 == file_sha256(DEFAULT.file("model.onnx"))
    assert len(used.reference) == 81
    signal = ecg(8, 250)
    expected = Denoiser.load("default")(signal, 250)
    np.testing.assert_array_equal(Denoiser.load(used.file)(signal, 250), expected)
    network = registry_of(fresh).fetch(registry_of(fresh).version(1), Store(fresh.store))
    assert file_sha256(network.file(NETWORK)) == file_sha256(DEFAULT.file(NETWORK))


def test_a_kill_between_version_and_alias_is_gone_on_with(fresh: Settings) -> None:
    registry = registry_of(fresh)
    registry.tracker.client.delete_registered_model_alias(registry.name, "champion")
    champion = ensure_champion(registry, "default")
    assert champion
    assert champion.number == 1
    assert registry.champion() == champion
    assert len(registry.versions()) == len(registry.history()) == 1


def test_drift_is_watched_from_the_first_recordings(
    prefect_server: None, fresh: Settings, tmp_path: Path
) -> None:
    for number in range(9):
        write_record(
            tmp_path / "in", f"p{number}", ecg(20, 1000, rate=60 + number, seed=number), 1000
        )
    done = denoise(tmp_path / "in", tmp_path / "out", settings=fresh)
    assert done.model == "models:/ecg-denoiser version 1"
    assert done.drift.reference == 81
    assert "sampling rate (Hz) 250 -> 1000" in done.drift.sentence


def test_a_simulated_training_is_judged_against_it_and_does_not_replace_it(
    first: tuple[Settings, Training], store: Path
) -> None:
    """The registry of the first run has a version that was never in use."""
    settings = small.small(store, WITH)
    registry = registry_of(settings)
    client = registry.tracker.client
    client.delete_registered_model(registry.name)
    result = train(settings, small.unit_folder(store, small.PUBLISH))
    shipped_version, challenger = registry.champion(), result.judged.version
    assert shipped_version
    assert shipped_version.is_shipped
    verdict = result.judged.verdict
    assert verdict
    assert not verdict.promoted
    assert verdict.reason.startswith("The challenger was last trained on simulated recordings")
    assert verdict.champion == f"version {shipped_version.number}"
    assert verdict.headlines["champion"].improvement > verdict.headlines["challenger"].improvement
    assert verdict.headlines["challenger"].filter == "butterworth"
    assert any("has no test set" in note for note in verdict.notes)
    assert result.judged.champion == shipped_version.number
    assert result.judged.text.startswith(
        f"version {challenger} refused: The challenger was last trained"
    )
    assert verdict.headlines["challenger"].sentence in result.judged.text


def test_a_registry_that_had_a_champion_keeps_to_its_own(store: Path) -> None:
    settings = small.small(store, WITH)
    registry = registry_of(settings)
    registry.promote(registry.version(1), "hand", "for this test")
    assert ensure_champion(registry, "default") == registry.version(1)
    registry.tracker.client.delete_model_version(registry.name, "1")
    assert ensure_champion(registry, "default") is None  # deleted on purpose
    assert registry.versions() == []


def test_whoever_wants_none_gets_none(prefect_server: None, tmp_path: Path) -> None:
    settings = small.small(tmp_path / "store")
    assert ensure_champion(registry_of(settings), settings.gate.first_champion) is None
    assert registry_of(settings).versions() == []
