"""Training a network on the protocol's own training part, once a noise version."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ecgmodel.errors import MissingFileError, SettingsError
from ecgmodel.models.trained import Trained
from ecgmodel.protocols._methods import Network
from ecgmodel.protocols._qt_bw.beats import BeatBatches, BeatSettings
from ecgmodel.protocols._qt_bw.data import mixed, read
from ecgmodel.protocols._qt_bw.noise import VERSIONS, noise_part
from ecgmodel.protocols._qt_bw.windows import SAMPLES
from ecgmodel.protocols._work import TrainingWork
from ecgmodel.settings.config import NetworkSettings, explain
from ecgmodel.steps.data import Step
from ecgmodel.store import Stored, Unit
from ecgmodel.store.versions import code_version, library_versions
from ecgmodel.support.quiet import import_keras
from ecgmodel.training.checkpoint import FOLDER
from ecgmodel.training.settings import TrainingSettings

VALIDATION_WINDOWS = 200  # a record: the long ones do not decide alone


class Recipe(BaseModel):
    """How a network is trained on the protocol: what its configuration file says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: NetworkSettings
    training: TrainingSettings = TrainingSettings()
    beats: BeatSettings = BeatSettings()
    refit: bool = Field(
        False,
        description="Train on the validation's records and noise too, as published: once all has "
        "been chosen without them. Their loss then says nothing; keep the last epoch.",
    )

    @model_validator(mode="after")
    def _refit_keeps_the_last(self) -> Recipe:
        if self.refit and self.training.keep != "last":
            raise ValueError("refit needs training.keep=last: no validation is left to choose by")
        return self


def read_recipe(path: Path) -> Recipe:
    """Return what a configuration file says.

    Raises:
        MissingFileError: There is no such file.
        SettingsError: It is no recipe; the message names each setting.
    """
    if not path.is_file():
        raise MissingFileError(f"There is no training configuration at {path}.")
    try:
        return Recipe.model_validate(yaml.safe_load(path.read_text()))
    except (ValidationError, yaml.YAMLError) as error:
        text = explain(error, Recipe) if isinstance(error, ValidationError) else str(error)
        raise SettingsError(f"{path}: {text}") from error


def network_file(version: int) -> str:
    """Return the name under which a version's network is committed."""
    return f"version-{version}.keras"


def whole_windows(one: Trained, files: tuple[Path, ...]) -> Network:
    """Return how the protocol's networks are applied: to a whole window, without overlap."""
    return Network(files, SAMPLES, 0.0)


def train(work: TrainingWork, prepared: Stored, one: Trained) -> list[Step]:
    """Train a network by its recipe, once a noise version."""
    recipe = read_recipe(one.recipe)
    return [fit_step(prepared, version, recipe, one.name) for version in VERSIONS]


def fit_step(prepared: Stored, version: int, recipe: Recipe, label: str = "") -> Step:
    """A network trained on one noise version: `model.keras`, `history.json`. Resumed if killed.

    Args:
        prepared: The protocol's data, from its `prepare_step`.
        version: Noise version, 1 or 2.
        recipe: How.
        label: What the tables call it; "" takes the architecture's name.
    """
    name = recipe.network.architecture
    label = label or name
    unit = Unit(
        "qt_bw_train",
        f"{label} version {version}",
        {"version": version, "name": label, **recipe.model_dump(mode="json")},
        {"windows": prepared.ref},
        {
            "modules": code_version(
                "ecgmodel.training.fit",
                "ecgmodel.training.seeding",
                "ecgmodel.protocols._qt_bw.training",
                f"ecgmodel.networks.{name}",
                f"ecgmodel.losses.{recipe.training.loss}",
            ),
            "libraries": library_versions("keras", "tensorflow", "numpy"),
        },
    )
    build = partial(_fit, prepared, version, recipe, label)
    return Step(unit, build, resume=True, scratch=frozenset({FOLDER}))


def _fit(prepared: Stored, version: int, recipe: Recipe, label: str, into: Path) -> dict[str, Any]:
    import_keras()
    from ecgmodel.networks import build_network
    from ecgmodel.training.batches import ArrayBatches
    from ecgmodel.training.fit import train
    from ecgmodel.training.seeding import seeded

    how, data = recipe.training, read(prepared.path)
    splits = ("train", "validation") if recipe.refit else ("train",)
    noise = noise_part(data.noise, version, "training_half" if recipe.refit else "train")
    clean, rows = data.windows(*splits), data.rows_of(*splits)
    beats = BeatBatches(clean, rows, noise, recipe.beats, how.batch_size, how.seed)
    given = mixed(data, version, "validation")
    some = _some_of_each(given.rows["record"].to_numpy())
    validation = ArrayBatches(given.noisy[some], given.clean[some], 256)
    name, options = recipe.network.architecture, dict(recipe.network.options)
    history = train(
        lambda: seeded(build_network(name, options), how.seed),
        beats,
        validation,
        into,
        how,
        on_epoch=partial(_log, into),
        progress=True,
    )
    return {"name": label, "architecture": name, "version": version, **history.facts}


def _some_of_each(records: np.ndarray) -> np.ndarray:
    """Return places of windows, evenly spread, as many of each record as there may be."""
    places = [np.flatnonzero(records == name) for name in np.unique(records)]
    return np.concatenate(
        [p[np.linspace(0, len(p) - 1, min(len(p), VALIDATION_WINDOWS)).astype(int)] for p in places]
    )


def _log(into: Path, epoch: int, row: dict[str, float]) -> None:
    """Add an epoch to a log that can be read meanwhile."""
    shown = "  ".join(f"{name} {value:.5g}" for name, value in row.items())
    with (into / "training.log").open("a") as log:
        log.write(shown + "\n")
