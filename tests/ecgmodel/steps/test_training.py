"""The key of a training depends on all that its result depends on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ecgmodel.settings.config import load_settings
from ecgmodel.steps.training import fit_step
from ecgmodel.store import Stored, Unit, versions


def unit(*pairs: str) -> Unit:
    dataset = Stored(Path("dataset"), "dataset", "key", "digest", {}, {}, {}, {})
    return fit_step(dataset, load_settings(pairs=pairs)).unit


@pytest.mark.parametrize("pair", ["training.loss=relative", "network.architecture=fcn_dae"])
def test_components_chosen_by_name_are_part_of_the_key(pair: str) -> None:
    assert unit(pair).key != unit().key
    assert unit(pair).code["modules"] != unit().code["modules"]


def test_an_edited_loss_changes_only_the_trainings_that_use_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The file of the loss is read from a copy with a changed number."""
    edited = tmp_path / "relative.py"
    original = versions._file("ecgmodel.losses.relative")
    assert original is not None
    text = original.read_text()
    edited.write_text(text.replace("LARGEST = 0.1", "LARGEST = 0.2"))
    assert edited.read_text() != text
    before = [unit().key, unit("training.loss=relative").key]
    found = versions._file

    def file(name: str) -> Path | None:
        return edited if name == "ecgmodel.losses.relative" else found(name)

    monkeypatch.setattr(versions, "_file", file)
    assert unit().key == before[0]
    assert unit("training.loss=relative").key != before[1]


def test_choosing_a_loss_imports_no_framework() -> None:
    code = (
        "import sys; from ecgmodel.training.settings import TrainingSettings;"
        "TrainingSettings(loss='relative');"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
