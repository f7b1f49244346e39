"""Who has seen what: the people on whom a network was trained or validated, along the whole chain.

A training that starts from the weights of another network takes over everybody whom that one has
seen. Such people cannot judge the result.
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
"""The fact of a training's manifest that says who was seen."""
SEEN = ("train", "validation")


@dataclass(frozen=True)
class Lineage:
    """Who trained or validated a network, and what it started from.

    Attributes:
        seen: Subjects that trained or validated it, or what it started from, and so on; sorted.
        simulated: Whether its last training was on simulated recordings.
        start: What its training started from, as `training.start_from` names it; "" is new weights.
        unknown: The file in the chain that does not say who trained it; "" if everybody is known.
    """

    seen: tuple[str, ...]
    simulated: bool
    start: str = ""
    unknown: str = ""

    @property
    def key(self) -> str:
        """A hash of who was seen, however the weights are named."""
        return digest([list(self.seen), self.simulated, bool(self.unknown)])

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**asdict(self), "seen": list(self.seen)}

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> Lineage:
        """Return what `to_dict` wrote, also after a way through JSON."""
        return cls(**{**tree, "seen": tuple(tree["seen"])})


@dataclass(frozen=True)
class Start:
    """Weights that a training starts from.

    Attributes:
        name: As `training.start_from` names them, an alias resolved: "default",
            "models:/ecg-denoiser/3", or the path of a file.
        file: The `.keras` file.
        lineage: Who has been seen by them.
        network: The settings "architecture" and "options" that fit them; None if nobody noted them.
        dataset: First digits of the digest of the dataset that trained them last, "" if not known.
    """

    name: str
    file: Path
    lineage: Lineage
    network: Mapping[str, Any] | None = None
    dataset: str = ""

    @property
    def inputs(self) -> dict[str, str]:
        """What a training's key holds of them: the bytes, and who was seen."""
        return {"initial": file_sha256(self.file), "initial lineage": self.lineage.key}


def trained_on(dataset: Stored, start: Start | None = None) -> Lineage:
    """Return the lineage of a network that is trained on a dataset.

    Args:
        dataset: The dataset.
        start: The weights that the training starts from; None for new ones.
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
        simulated: Whether the dataset's recordings were simulated.
    """
    return Lineage(tuple(sorted(s for s, split in splits.items() if split in SEEN)), simulated)


def shipped_start(one: Trained) -> Start:
    """Return the weights of a network that comes with the package.

    Raises:
        ModelError: A file of it is not there, or was altered.
    """
    people = yaml.safe_load(one.file(SUBJECTS).read_text())
    splits = {subject: split for split in SEEN for subject in people[split]}
    recipe = one.settings()
    network = recipe.network.model_dump(mode="json")
    lineage = of_splits(splits, recipe.source.kind == "simulated")
    return Start(one.name, one.file(NETWORK), lineage, network)


def file_start(file: Path) -> Start:
    """Return the weights of a file.

    Who trained them is known of the shipped networks, also of a copy, and of a training in a store,
    whose manifest lies beside the file. Of any other file it is not.

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
    """Write who trained and validated a shipped network beside it.

    Args:
        one: The network's folder.
        records: Those of its dataset: "subject" and "split" of each.
    """
    people: dict[str, set[str]] = {split: set() for split in SEEN}
    for record in records:
        if record["split"] in SEEN:
            people[record["split"]].add(record["subject"])
    head = "# Who trained and validated the network; made by `python -m ecgmodel.steps.shipping`.\n"
    tree = {split: sorted(subjects) for split, subjects in people.items()}
    one.add(SUBJECTS, head + yaml.safe_dump(tree, sort_keys=False))
