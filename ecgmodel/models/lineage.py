"""Lineage: the subjects used for training or validation of a network and its initial weights.

A training that starts from another network's weights inherits the subjects seen by that network.
They cannot be used to test the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from ecgmodel.models.trained import NETWORK, SUBJECTS, Trained, shipped
from ecgmodel.store import Stored, digest, file_sha256, read_stored

LINEAGE = "lineage"
"""The key of the lineage in a training's manifest."""
SEEN = ("train", "validation")


@dataclass(frozen=True)
class Lineage:
    """The subjects seen by a network, and its initial weights.

    Attributes:
        seen: Subjects used for training or validation of the network, of its initial weights, and
            so on; sorted.
        simulated: Whether its last training used simulated recordings.
        start: The initial weights, as named in `training.start_from`; "" for new weights.
        unknown: The file in the chain with unknown subjects; "" if all are known.
    """

    seen: tuple[str, ...]
    simulated: bool
    start: str = ""
    unknown: str = ""

    @property
    def key(self) -> str:
        """A hash of the seen subjects, independent of the name of the weights."""
        return digest([list(self.seen), self.simulated, bool(self.unknown)])

    def to_dict(self) -> dict[str, Any]:
        """Return the lineage as JSON-serialisable values."""
        return {**asdict(self), "seen": list(self.seen)}

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> Lineage:
        """Return the lineage from the result of `to_dict`, also after a round trip through JSON."""
        return cls(**{**tree, "seen": tuple(tree["seen"])})


@dataclass(frozen=True)
class Start:
    """Initial weights of a training.

    Attributes:
        name: As in `training.start_from`, with aliases resolved: "default",
            "models:/ecg-denoiser/3", or the path of a file.
        file: The `.keras` file.
        lineage: The subjects seen by the weights.
        network: Their settings "architecture" and "options", None if unknown.
        dataset: First digits of the digest of their last training dataset, "" if unknown.
    """

    name: str
    file: Path
    lineage: Lineage
    network: Mapping[str, Any] | None = None
    dataset: str = ""

    @property
    def inputs(self) -> dict[str, str]:
        """Their part of a training's key: the hashes of the file and of the lineage."""
        return {"initial": file_sha256(self.file), "initial lineage": self.lineage.key}


def trained_on(dataset: Stored, start: Start | None = None) -> Lineage:
    """Return the lineage of a network that is trained on a dataset.

    Args:
        dataset: The dataset.
        start: The initial weights; None for new weights.
    """
    own = of_splits(dataset.info["splits"], bool(dataset.info["source"]["simulated"]))
    if start is None:
        return own
    seen = tuple(sorted({*own.seen, *start.lineage.seen}))
    return replace(own, seen=seen, start=start.name, unknown=start.lineage.unknown)


def of_splits(splits: Mapping[str, str], simulated: bool) -> Lineage:
    """Return the lineage of a network with new weights.

    Args:
        splits: The split of each subject of its dataset.
        simulated: Whether the dataset's recordings are simulated.
    """
    return Lineage(tuple(sorted(s for s, split in splits.items() if split in SEEN)), simulated)


def shipped_start(one: Trained) -> Start:
    """Return the weights of a shipped network.

    Raises:
        ModelError: One of its files is missing or was altered.
    """
    listed = yaml.safe_load(one.file(SUBJECTS).read_text())
    splits = {subject: split for split in SEEN for subject in listed[split]}
    recipe = one.settings()
    network = recipe.network.model_dump(mode="json")
    lineage = of_splits(splits, recipe.source.kind == "simulated")
    return Start(one.name, one.file(NETWORK), lineage, network)


def file_start(file: Path) -> Start:
    """Return the weights of a file.

    Their subjects are known for shipped networks and copies of these, and for trainings in a store,
    which have a manifest in the same folder. For any other file they are unknown.

    Args:
        file: A `.keras` file.
    """
    for one in shipped():
        if one.has(NETWORK, SUBJECTS) and file_sha256(file) == file_sha256(one.file(NETWORK)):
            return replace(shipped_start(one), name=str(file), file=file)
    with suppress(OSError, ValueError, KeyError):
        trained = read_stored(file.parent)
        if trained.files[file.name]["sha256"] == file_sha256(file):
            dataset = trained.inputs["dataset"].partition(":")[2]
            lineage = Lineage.from_dict(trained.info[LINEAGE])
            return Start(str(file), file, lineage, trained.settings["network"], dataset[:12])
    unknown = f"{file.name} ({file_sha256(file)[:12]})"
    return Start(str(file), file, Lineage((), simulated=False, unknown=unknown))


def write_subjects(one: Trained, records: Iterable[Mapping[str, Any]]) -> None:
    """Write the training and validation subjects of a shipped network into its folder.

    Args:
        one: The network's folder.
        records: "subject" and "split" of each record of its dataset.
    """
    seen: dict[str, set[str]] = {split: set() for split in SEEN}
    for record in records:
        if record["split"] in SEEN:
            seen[record["split"]].add(record["subject"])
    head = "# Training and validation subjects; written by `python -m ecgmodel.steps.shipping`.\n"
    tree = {split: sorted(subjects) for split, subjects in seen.items()}
    one.add(SUBJECTS, head + yaml.safe_dump(tree, sort_keys=False))
