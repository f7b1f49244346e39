"""Networks that were trained and are kept: a folder each, with recipe, weights and their hashes.

A folder holds `recipe.yaml`, the `.keras` files, `SHA256SUMS`, and what each training took,
`training.yaml`. `ecgmodel/models/<name>/` is shipped with the package: networks for continuous ECG,
each with its model card, its training and validation subjects, and what their recordings are like.
`trained/<protocol>/<name>/` belongs to the project and is not installed: networks for a protocol,
and the peers.
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
from ecgmodel.signals.resampling import FS
from ecgmodel.signals.statistics import RecordingStatistics
from ecgmodel.store import MANIFEST, file_sha256, read_stored, write_text
from ecgmodel.store.versions import PACKAGE
from ecgmodel.support.places import ROOT

FOLDER, SHIPPED = "trained", "models"
NETWORK = "model.keras"
"""The network of a folder that has one alone."""
WEIGHTS = "model.weights.h5"
"""What Keras calls the weights inside a `.keras` file."""
LARGEST = 2_000_000
"""Bytes of a network that is kept with all its digits."""
RECIPE, SUMS, TOOK = "recipe.yaml", "SHA256SUMS", "training.yaml"
SUBJECTS, RECORDINGS, CARD = "subjects.yaml", "recordings.json", "CARD.md"
"""Of a shipped network: who trained and validated it, what its recordings are like, its card."""


class TrainingFacts(BaseModel):
    """What a training took."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float = Field(gt=0, description="Of all its epochs, validation included.")
    machine: str = Field(min_length=1, description='What it ran on, e.g. "2 CPU cores".')


@dataclass(frozen=True)
class Trained:
    """A folder of one network.

    Attributes:
        name: What tables call it.
        folder: Where it is.
    """

    name: str
    folder: Path

    @property
    def recipe(self) -> Path:
        """How it was trained."""
        return self.folder / RECIPE

    def settings(self) -> Settings:
        """Return what the recipe of a network for continuous ECG says: a file of all settings.

        Raises:
            SettingsError: It is wrong; the message names the file and each setting.
        """
        try:
            return load_settings(self.recipe)
        except SettingsError as error:
            raise SettingsError(f"{self.recipe}: {error}") from error

    def file(self, name: str) -> Path:
        """Return one of its networks, whose bytes are those that were committed.

        Raises:
            ModelError: It is not there, or was altered.
        """
        path = self.folder / name
        sums = self._sums()
        if not path.is_file() or sums.get(name) != file_sha256(path):
            raise ModelError(
                f"{path} is not the file that {self.folder / SUMS} names. Restore both from "
                "the repository, or train it again with --retrain."
            )
        return path

    def has(self, *names: str) -> bool:
        """Return whether all networks of these names are listed."""
        return set(names) <= set(self._sums())

    def put(self, networks: Mapping[str, Path]) -> None:
        """Put `.keras` files into the folder, as small as they can be; list them and the recipe.

        Weights of more than `LARGEST` bytes are kept as 16-bit floats.
        """
        for name, source in networks.items():
            _deflate(source, self.folder / name)
        self._list([*networks, RECIPE])
        self._note({name: training_facts(source) for name, source in networks.items()})

    def add(self, name: str, text: str) -> None:
        """Put a text file into the folder, and list it."""
        write_text(self.folder / name, text)
        self._list([name])

    def recordings(self) -> list[RecordingStatistics]:
        """Return what the recordings that trained a shipped network are like.

        Raises:
            ModelError: The file is not there, or was altered.
        """
        listed = json.loads(self.file(RECORDINGS).read_text())
        return [RecordingStatistics.from_dict(item) for item in listed]

    def export(self) -> float:
        """Write the network for continuous ECG as ONNX beside it, and list that.

        Returns:
            How far both are apart, mV; see `ecgmodel.training.exporting`.

        Raises:
            ModelError: It is not there or was altered, or cannot be exported.
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
        """Write what the trainings took; nothing of a former network stays under its name."""
        path = self.folder / TOOK
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
    """Return what training a network took, None where nobody noted it.

    Of a committed network it stands in `training.yaml` beside it, of one in the store in the
    manifest beside it.

    Args:
        model: A `.keras` file.

    Raises:
        pydantic.ValidationError: `training.yaml` says something else of it.
    """
    listed = model.with_name(TOOK)
    if listed.is_file():
        noted = (yaml.safe_load(listed.read_text()) or {}).get(model.name)
        return TrainingFacts.model_validate(noted) if noted else None
    if not model.with_name(MANIFEST).is_file():
        return None
    info = read_stored(model.parent).info
    known = {name: info[name] for name in TrainingFacts.model_fields if name in info}
    return TrainingFacts.model_validate(known) if len(known) == 2 else None


def _deflate(source: Path, target: Path) -> None:
    """Copy a `.keras` file with its members compressed, which Keras leaves as they are."""
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
    """Return an HDF5 file whose 32-bit floats have 16 bits, which Keras loads as it loads those."""
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
        protocol: Its name, e.g. "qt-bw".
        root: The folder of all.
    """
    return [Trained(p.parent.name, p.parent) for p in sorted((root / protocol).glob(f"*/{RECIPE}"))]


def shipped(root: Path = ROOT / PACKAGE) -> list[Trained]:
    """Return the networks that come with the package, by name.

    Args:
        root: The folder with the folder `models`; it need not be there.
    """
    return trained(SHIPPED, root)
