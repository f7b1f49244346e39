"""The subjects seen by a network are known along its whole chain, or marked unknown."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecgmodel.dataset.splits import split_of, subject_of
from ecgmodel.errors import ModelError, SettingsError
from ecgmodel.models.lineage import (
    LINEAGE,
    Lineage,
    Start,
    file_start,
    of_splits,
    shipped_start,
    trained_on,
)
from ecgmodel.models.trained import CARD, NETWORK, SUBJECTS, Trained, shipped
from ecgmodel.settings.config import load_settings
from ecgmodel.steps.data import Step
from ecgmodel.steps.training import fit_step
from ecgmodel.store import Store, Stored, Unit

SHIPPED = {one.name: one for one in shipped()}
DEFAULT = SHIPPED["default"]


def dataset(splits: dict[str, str], simulated: bool = False) -> Stored:
    info: dict[str, Any] = {"splits": splits, "source": {"simulated": simulated}}
    return Stored(Path("dataset"), "own", "k" * 64, "d" * 64, info, {}, {}, {})


def test_a_chain_of_trainings_has_seen_the_subjects_of_every_link(tmp_path: Path) -> None:
    first = trained_on(dataset({"a/1": "train", "a/2": "validation", "a/3": "test"}))
    assert first == Lineage(("a/1", "a/2"), simulated=False)
    start = Start("models:/ecg-denoiser/1", tmp_path / "model.keras", first)
    second = trained_on(dataset({"b/1": "train", "a/3": "train", "a/1": "test"}), start)
    assert second.seen == ("a/1", "a/2", "a/3", "b/1")
    assert second.start == "models:/ecg-denoiser/1"
    third = trained_on(
        dataset({"simulated/1": "train"}, simulated=True), replace(start, lineage=second)
    )
    assert third.seen == ("a/1", "a/2", "a/3", "b/1", "simulated/1")
    assert third.simulated
    assert Lineage.from_dict(third.to_dict()) == third


def test_a_file_of_unknown_origin_makes_the_lineage_unknown(tmp_path: Path) -> None:
    file = tmp_path / "model.keras"
    file.write_bytes(b"weights")
    start = file_start(file)
    assert start.lineage.unknown.startswith("model.keras (")
    after = trained_on(dataset({"a/1": "train"}), start)
    again = trained_on(dataset({"b/1": "train"}), replace(start, lineage=after))
    assert again.unknown == start.lineage.unknown


def test_the_manifest_of_a_training_gives_its_lineage(tmp_path: Path) -> None:
    lineage = Lineage(("a/1", "a/2"), simulated=True, start="default")
    unit = Unit("train", "made", {"network": {"architecture": "x"}}, {"dataset": "key:" + "d" * 32})

    def write(into: Path) -> dict[str, Any]:
        (into / NETWORK).write_bytes(b"weights")
        return {LINEAGE: lineage.to_dict()}

    trained = Step(unit, write).run(Store(tmp_path / "store"))
    start = file_start(trained.file(NETWORK))
    assert (start.lineage, start.dataset) == (lineage, "d" * 12)
    copy = tmp_path / NETWORK
    shutil.copy(trained.file(NETWORK), copy)
    assert file_start(copy).lineage.unknown  # nothing beside it says who trained it


def test_a_copy_of_the_shipped_network_is_recognised(tmp_path: Path) -> None:
    copy = tmp_path / "mine.keras"
    shutil.copy(DEFAULT.file(NETWORK), copy)
    assert file_start(copy).lineage == shipped_start(DEFAULT).lineage


@pytest.mark.parametrize("one", SHIPPED.values(), ids=SHIPPED)
def test_subjects_of_the_shipped_network_match_its_card_and_the_split_rules(
    one: Trained,
) -> None:
    lineage, how = shipped_start(one).lineage, one.settings().split
    splits = {subject: split_of(subject, how) for subject in lineage.seen}
    assert set(splits.values()) == {"train", "validation"}
    card = (one.folder / CARD).read_text()
    counts = Counter(splits.values())
    assert f"records of {counts['train']} subjects" in card
    assert f"{counts['validation']} other subjects" in card
    assert not lineage.simulated
    assert of_splits(splits, simulated=False) == lineage


def test_they_are_all_subjects_of_its_databases_that_may_train(physionet: Path) -> None:
    how = DEFAULT.settings()
    lists = {name: next((physionet / name).glob("*/RECORDS")) for name in how.source.clean}
    there = [
        subject_of(database, record, how.split)
        for database, file in lists.items()
        for record in file.read_text().split()
    ]
    may = {s for s in there if split_of(s, how.split) in ("train", "validation")}
    assert set(shipped_start(DEFAULT).lineage.seen) == may


def test_recordings_of_the_shipped_network_match_its_card() -> None:
    recordings = DEFAULT.recordings()
    assert f"{len(recordings)} records of" in (DEFAULT.folder / CARD).read_text()
    assert {recording.sampling_rate_hz for recording in recordings} == {250.0, 360.0}


def test_an_altered_subject_list_is_refused(tmp_path: Path) -> None:
    shutil.copytree(DEFAULT.folder, tmp_path / "default")
    copy = Trained("default", tmp_path / "default")
    (copy.folder / SUBJECTS).write_text("train: []\nvalidation: []\n")
    with pytest.raises(ModelError, match="its sha256 differs from"):
        shipped_start(copy)


def test_a_trainings_key_depends_on_the_weights_not_on_their_name(tmp_path: Path) -> None:
    own = dataset({"a/1": "train"})

    def key(name: str | None, start: Start | None) -> str:
        pairs = [] if name is None else [f"training.start_from={name}"]
        return fit_step(own, load_settings(pairs=pairs), start=start).unit.key

    start = shipped_start(DEFAULT)
    copy = tmp_path / "mine.keras"
    shutil.copy(start.file, copy)
    assert key("default", start) == key(str(copy), file_start(copy))
    assert key("default", start) != key(None, None)
    stranger = replace(start, lineage=Lineage((), simulated=False, unknown="mine.keras"))
    assert key("default", stranger) != key("default", start)


def test_an_invalid_start_is_refused_on_loading() -> None:
    with pytest.raises(SettingsError, match=r"training.start_from: expected 'champion', a shipped"):
        load_settings(pairs=["training.start_from=defalt"])
    for name in ("champion", "default", "models:/ecg-denoiser/3", "own.keras"):
        assert load_settings(pairs=[f"training.start_from={name}"]).training.start_from == name
