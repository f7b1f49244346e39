"""Trained networks: a folder each, with recipe, weights and their hashes.

A folder contains `recipe.yaml`, the `.keras` files, `SHA256SUMS`, and `training.yaml` with the
duration and machine of each training. `ecgmodel/models/<name>/` is shipped with the package:
networks for continuous ECG, each with its model card, its training and validation subjects, and the
statistics of their recordings. `trained/<protocol>/<name>/` is part of the repository and not
installed: networks for a protocol, and re-trained baselines.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field

from ecgmodel.errors import ModelError, SettingsError
from ecgmodel.settings.config import Settings, load_settings
from ecgmodel.signals.standard import FS
from ecgmodel.signals.statistics import RecordingStatistics
from ecgmodel.store import MANIFEST, file_sha256, read_stored, write_text
from ecgmodel.store.versions import PACKAGE
from ecgmodel.support.paths import ROOT

FOLDER, SHIPPED = "trained", "models"
NETWORK = "model.keras"
"""The file of a folder's only network."""
WEIGHTS = "model.weights.h5"
"""The member of a `.keras` file with the weights."""
LARGEST = 2_000_000
"""Largest size, bytes, of a network that is stored in 32 bits."""
RECIPE, SUMS, TRAINING_FILE = "recipe.yaml", "SHA256SUMS", "training.yaml"
SUBJECTS, RECORDINGS, CARD = "subjects.yaml", "recordings.json", "CARD.md"
"""Of a shipped network: its subjects, the statistics of its recordings, its model card."""


class TrainingFacts(BaseModel):
    """Duration and machine of a training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float = Field(gt=0, description="Duration of all epochs with validation, s.")
    machine: str = Field(min_length=1, description='The machine, e.g. "2 CPU cores".')


@dataclass(frozen=True)
class Trained:
    """The folder of one network.

    Attributes:
        name: Its name in tables.
        folder: Its path.
    """

    name: str
    folder: Path

    @property
    def recipe(self) -> Path:
        """The file with its training settings."""
        return self.folder / RECIPE

    def settings(self) -> Settings:
        """Return the settings of the recipe of a network for continuous ECG.

        Raises:
            SettingsError: The recipe is invalid; the message names the file and each setting.
        """
        try:
            return load_settings(self.recipe)
        except SettingsError as error:
            raise SettingsError(f"{self.recipe}: {error}") from error

    def file(self, name: str) -> Path:
        """Return the path of one of its files after a check of its hash.

        Raises:
            ModelError: The file is missing or was altered.
        """
        path = self.folder / name
        sums = self._sums()
        if not path.is_file() or sums.get(name) != file_sha256(path):
            raise ModelError(
                f"{path} is missing or its sha256 differs from {self.folder / SUMS}. Restore both "
                "from the repository, or train the network again with --retrain."
            )
        return path

    def has(self, *names: str) -> bool:
        """Return whether all files with these names are listed."""
        return set(names) <= set(self._sums())

    def put(self, networks: Mapping[str, Path]) -> None:
        """Store compressed `.keras` files in the folder, and list them and the recipe.

        Networks of more than `LARGEST` bytes are stored with 16-bit floats.
        """
        for name, source in networks.items():
            _deflate(source, self.folder / name)
        self._list([*networks, RECIPE])
        self._note({name: training_facts(source) for name, source in networks.items()})

    def add(self, name: str, text: str) -> None:
        """Store a text file in the folder, and list it."""
        write_text(self.folder / name, text)
        self._list([name])

    def recordings(self) -> list[RecordingStatistics]:
        """Return the statistics of the training recordings of a shipped network.

        Raises:
            ModelError: The file is missing or was altered.
        """
        listed = json.loads(self.file(RECORDINGS).read_text())
        return [RecordingStatistics.from_dict(item) for item in listed]

    def export(self) -> float:
        """Export the network for continuous ECG to ONNX into its folder, and list the file.

        Returns:
            Largest difference between both outputs, mV; see `ecgmodel.training.exporting`.

        Raises:
            ModelError: The network is missing, was altered or cannot be exported.
        """
        from ecgmodel.denoise.onnx import FILE, Facts
        from ecgmodel.training.exporting import export_onnx

        network, recipe = self.file(NETWORK), self.settings()
        facts = Facts(
            name=self.name,
            fs=FS,
            window=recipe.mix.window,
            overlap=recipe.evaluation.overlap,
            sha256=file_sha256(network),
        )
        apart = export_onnx(network, self.folder / FILE, facts)
        self._list([FILE])
        return apart

    def _list(self, names: Iterable[str]) -> None:
        sums = self._sums() | {name: file_sha256(self.folder / name) for name in names}
        lines = [f"{digest}  {name}\n" for name, digest in sorted(sums.items())]
        write_text(self.folder / SUMS, "".join(lines))

    def _note(self, trainings: Mapping[str, TrainingFacts | None]) -> None:
        """Write the facts of the trainings, replacing those of former networks."""
        path = self.folder / TRAINING_FILE
        noted: dict[str, Any] = yaml.safe_load(path.read_text()) if path.is_file() else {}
        kept = {name: facts for name, facts in noted.items() if name not in trainings}
        new = {name: facts.model_dump() for name, facts in trainings.items() if facts}
        if noted or new:
            write_text(path, yaml.safe_dump(dict(sorted((kept | new).items()))))

    def _sums(self) -> dict[str, str]:
        path = self.folder / SUMS
        if not path.is_file():
            return {}
        pairs = (line.split(maxsplit=1) for line in path.read_text().splitlines())
        return {name: digest for digest, name in pairs}


def training_facts(model: Path) -> TrainingFacts | None:
    """Return duration and machine of a network's training, None if unknown.

    They are read from `training.yaml` or, for a training in the store, from the manifest in the
    same folder.

    Args:
        model: A `.keras` file.

    Raises:
        pydantic.ValidationError: `training.yaml` is invalid.
    """
    listed = model.with_name(TRAINING_FILE)
    if listed.is_file():
        noted = (yaml.safe_load(listed.read_text()) or {}).get(model.name)
        return TrainingFacts.model_validate(noted) if noted else None
    if not model.with_name(MANIFEST).is_file():
        return None
    info = read_stored(model.parent).info
    known = {name: info[name] for name in TrainingFacts.model_fields if name in info}
    return TrainingFacts.model_validate(known) if len(known) == 2 else None


def _deflate(source: Path, target: Path) -> None:
    """Copy a `.keras` file with compressed members; Keras writes them uncompressed."""
    with zipfile.ZipFile(source) as given:
        members = {entry: given.read(entry) for entry in given.infolist()}
    _zip(members, target)
    if target.stat().st_size > LARGEST:
        halved = {e: _halved(d) if e.filename == WEIGHTS else d for e, d in members.items()}
        _zip(halved, target)


def _zip(members: Mapping[zipfile.ZipInfo, bytes], target: Path) -> None:
    with zipfile.ZipFile(target, "w") as made:
        for member, data in members.items():
            entry = zipfile.ZipInfo(member.filename, member.date_time)
            made.writestr(entry, data, zipfile.ZIP_DEFLATED, 9)


def _halved(weights: bytes) -> bytes:
    """Return an HDF5 file with its 32-bit floats converted to 16 bits, which Keras can load too."""
    import h5py

    made = BytesIO()
    with h5py.File(BytesIO(weights)) as given, h5py.File(made, "w") as half:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                kept = item[()]
                half[name] = kept.astype(np.float16) if item.dtype == np.float32 else kept
            else:
                half.require_group(name)
            half[name].attrs.update(item.attrs)

        half.attrs.update(given.attrs)
        given.visititems(copy)
    return made.getvalue()


def trained(protocol: str, root: Path = ROOT / FOLDER) -> list[Trained]:
    """Return the networks of a protocol, by name.

    Args:
        protocol: The name of the protocol, e.g. "qt-bw".
        root: The folder of all protocols.
    """
    return [Trained(p.parent.name, p.parent) for p in sorted((root / protocol).glob(f"*/{RECIPE}"))]


def shipped(root: Path = ROOT / PACKAGE) -> list[Trained]:
    """Return the shipped networks, by name.

    Args:
        root: The folder that contains `models`, if it exists.
    """
    return trained(SHIPPED, root)
