"""A file that is missing or altered makes its unit run again, and only it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecgmodel.settings.config import Settings
from flows.prepare import prepare
from flows.train import Training, train
from tests.flows import small

First = tuple[Settings, Training]
SIM01 = "simulated/sim01"


def damage(store: Path, how: str, unit: str, name: str) -> None:
    (path,) = small.unit_folder(store, unit).glob(name)
    path.unlink() if how == "delete" else small.alter(path)


@pytest.mark.parametrize(
    ("how", "unit", "name"),
    [
        ("delete", f"download {SIM01}", "sim01.dat"),
        ("alter", f"download {SIM01}", "sim01.hea"),
        ("delete", f"download {SIM01}", "manifest.json"),
        ("alter", f"resample {SIM01}", "target.npy"),
        ("alter", f"resample {SIM01}", "manifest.json"),
        ("alter", "resample simnoise/bw", "recorded.npy"),
        ("delete", f"mix {SIM01}", "shard.parquet"),
        ("delete", f"mix {SIM01}", "manifest.json"),
        ("delete", small.PUBLISH, "test/simulated-sim02.parquet"),
        ("alter", small.PUBLISH, "noise.parquet"),
        ("alter", small.PUBLISH, "manifest.json"),
    ],
)
def test_only_the_damaged_unit_of_a_dataset_is_made_again(
    first: First, store: Path, how: str, unit: str, name: str
) -> None:
    damage(store, how, unit, name)
    with small.counted() as made:
        dataset = prepare(small.small(store))
    assert made == [unit]
    assert dataset.digest == first[1].dataset.digest


def test_a_shard_altered_in_place_is_mended_under_both_of_its_names(
    first: First, store: Path
) -> None:
    # The dataset holds the same file under a second name, where the system allows.
    damage(store, "alter", f"mix {SIM01}", "shard.parquet")
    with small.counted() as made:
        dataset = prepare(small.small(store))
    assert made == [f"mix {SIM01}", small.PUBLISH]
    assert dataset.digest == first[1].dataset.digest


@pytest.mark.parametrize(
    ("how", "unit", "name"),
    [
        ("delete", small.BASELINES[1], "segments.parquet"),
        ("alter", small.MEASURE, "examples.npz"),
        ("alter", small.REPORT, "report.html"),
        ("delete", small.REPORT, "manifest.json"),
    ],
)
def test_only_the_damaged_unit_of_a_training_is_made_again(
    first: First, store: Path, how: str, unit: str, name: str
) -> None:
    damage(store, how, unit, name)
    with small.counted() as made:
        result = train(small.small(store), small.unit_folder(store, small.PUBLISH))
    assert made == [unit]
    assert result.model.ref == first[1].model.ref
    assert result.run_id == first[1].run_id


@pytest.mark.parametrize(("how", "name"), [("alter", "model.keras"), ("delete", "manifest.json")])
def test_a_damaged_model_is_trained_again_to_the_same_numbers(
    first: First, store: Path, how: str, name: str
) -> None:
    damage(store, how, small.FIT, name)
    with small.counted() as made:
        result = train(small.small(store), small.unit_folder(store, small.PUBLISH))
    # The baselines do not depend on it. A saved network holds the time at which it was saved, so
    # what depends on it runs again.
    assert made[0] == small.FIT
    assert set(made) <= small.TRAINED - set(small.BASELINES)
    before, after = first[1].model, result.model
    assert after.file("history.json").read_text() == before.file("history.json").read_text()
    assert result.run_id == first[1].run_id
