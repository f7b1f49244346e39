"""Trainings that start from weights: found by name, refused early, and nothing learned twice."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from ecgmodel.errors import AlreadyTrainedError, MissingFileError, ModelError
from ecgmodel.settings.config import Settings
from ecgmodel.store import Store
from flows.commands.registry import retrain as retrain_command
from flows.pipeline import pipeline
from flows.retrain import retrain
from flows.train import Training
from tasks.tracking import Registry, RegistryError, Tracker, lineage
from tests.flows import small

First = tuple[Settings, Training]
MORE = {"source": {"simulated": {"subjects": 7}}}  # a record more is another dataset


def start(name: str | None, *changes: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    return ({"training": {"start_from": name}}, *changes)


def registry_of(store: Path) -> Registry:
    return Registry(Tracker(small.small(store).tracking, Store(store)))


def use(store: Path, number: int) -> None:
    registry = registry_of(store)
    registry.promote(registry.version(number), "hand", "for this test")


def test_a_training_from_the_champion_knows_its_people_and_is_made_once(store: Path) -> None:
    use(store, 1)
    settings = small.small(store, *start("champion", MORE))
    with small.counted() as made:
        result = pipeline(settings)
    assert small.FIT in made
    registry = registry_of(store)
    first, second = registry.version(1), registry.version(2)
    assert result.judged.version == 2
    assert lineage(registry, second).start == "models:/ecg-denoiser/1"
    seen = set(lineage(registry, second).seen)
    own = {s for s, split in result.dataset.info["splits"].items() if split != "test"}
    assert seen == own | set(lineage(registry, first).seen)
    # Once it is in use it knows this dataset: the same command finds it, and trains nothing.
    use(store, 2)
    with small.counted() as made:
        again = pipeline(settings)
    assert made == []
    assert again.judged.text == "version 2 is already the champion"
    assert retrain(settings) is None


def test_weights_of_the_first_run_go_by_every_name_and_train_once(
    first: First, store: Path, tmp_path: Path
) -> None:
    file = small.unit_folder(store, small.FIT) / "model.keras"
    results = [
        retrain(small.small(store, *start(name, MORE)))
        for name in ("models:/ecg-denoiser/1", str(file))
    ]
    assert results[0]
    assert results[1]
    assert results[0].model.key == results[1].model.key
    assert results[0].judged.version == results[1].judged.version == 2


def test_weights_of_strangers_train_and_are_not_promoted(
    store: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "strange.keras"
    shutil.copy(small.unit_folder(store, small.FIT) / "model.keras", file)
    result = pipeline(small.small(store, *start(str(file), MORE)))
    assert "strange.keras" in caplog.text
    assert "training subjects of" in caplog.text
    verdict = result.judged.verdict
    assert verdict
    assert not verdict.promoted
    assert "from the weights of strange.keras (" in verdict.reason
    assert "`ecg-denoise promote 2`" in result.judged.text
    use(store, 2)  # by hand; whoever goes on from it does not know either
    later = retrain(
        small.small(store, *start("champion", {"source": {"simulated": {"subjects": 8}}}))
    )
    assert later
    assert later.judged.verdict
    assert "from the weights of strange.keras (" in later.judged.verdict.reason


def test_a_training_that_betters_nothing_says_so(store: Path) -> None:
    hot = {"training": {"start_from": "models:/ecg-denoiser/1", "learning_rate": 1.0, "epochs": 1}}
    result = pipeline(small.small(store, MORE, hot))
    assert result.outcome.startswith(result.judged.text)
    assert result.outcome.endswith("since none of 1 epochs improved on them.")


def test_what_cannot_start_is_refused_before_anything_is_made(
    prefect_server: None, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    cases = {
        "default": (ModelError, r"network.architecture=strided_unet and network.options="),
        "champion": (RegistryError, r"no version of ecg-denoiser is in use .*start_from=default"),
        "models:/ecg-denoiser/3": (RegistryError, "has no version '3'"),
        str(tmp_path / "gone.keras"): (MissingFileError, r"training.start_from: .*gone\.keras"),
    }
    for name, (error, said) in cases.items():
        with small.counted() as made, pytest.raises(error, match=said):
            pipeline(small.small(store, *start(name)))
        assert made == []


def test_a_champion_that_learned_this_dataset_from_new_weights_has_nothing_to_learn(
    store: Path,
) -> None:
    use(store, 1)
    with pytest.raises(AlreadyTrainedError, match="start_from=models:/ecg-denoiser/1"):
        pipeline(small.small(store, *start("champion")))
    assert retrain(small.small(store, *start("champion"))) is None


def test_the_former_option_names_the_setting() -> None:
    said = CliRunner().invoke(retrain_command, ["--from-champion"])
    assert said.exit_code == click.UsageError.exit_code
    assert "--set training.start_from=champion" in said.output
