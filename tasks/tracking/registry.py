"""The model registry: versions, the one in use, and the history of changes.

The alias `champion` defines the version in use. The history is kept in tags of the registered
model, one per change, which are only ever added.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from ecgmodel.denoise.onnx import FILE
from ecgmodel.errors import EcgError
from ecgmodel.models.trained import NETWORK, shipped
from ecgmodel.steps.training import trained_window
from ecgmodel.store import Store, Stored, Unit, file_sha256
from tasks.tracking.artifact_files import altered, files_at, seal
from tasks.tracking.describing import version_text, with_verdict
from tasks.tracking.finished import Finished
from tasks.tracking.packing import HOW_TO, networks
from tasks.tracking.runs import DATASET, TRAINING, Tracker
from tasks.tracking.same import trained_here, with_weights
from tasks.tracking.verdicts import verdict_files, verdict_folder

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

CHAMPION, CHALLENGER = "champion", "challenger"
VERDICT, TAKEN_BACK, FOLDER = "ecg.verdict", "ecg.taken_back", "ecg.folder"
WINDOW, OVERLAP = "ecg.window", "ecg.overlap"
_CHANGE = "ecg.champion."
SHIPPED = "ecg.shipped"
How = Literal["gate", "hand", "rollback", "shipped"]


class RegistryError(EcgError, LookupError):
    """The registry does not have the requested version."""


@dataclass(frozen=True)
class Version:
    """A version of the registered model.

    Attributes:
        number: Version number.
        run_id: The MLflow run of its training.
        source: Location of its files in MLflow.
        training: Key of the training (first 32 digits).
        dataset: Digest of the training dataset (first 12 digits).
        folder: Folder of that dataset, which may have been deleted.
        window: Window of the network, samples; 0 if unknown.
        overlap: Overlap of neighbouring windows, from 0 to 1; None if unknown.
        tags: All tags.
    """

    number: int
    run_id: str
    source: str
    training: str
    dataset: str
    folder: Path
    window: int
    overlap: float | None
    tags: Mapping[str, str]

    @property
    def verdict(self) -> str:
        """The latest verdict, "" without one."""
        return self.tags.get(VERDICT, "")

    @property
    def model_id(self) -> str | None:
        """Its logged model, None if an MLflow before logged models registered it."""
        name = self.source.removeprefix("models:/")
        return name if name.startswith("m-") else None

    @property
    def is_shipped(self) -> bool:
        """Whether it is shipped with the package, and so has no dataset."""
        return SHIPPED in self.tags


@dataclass(frozen=True)
class Change:
    """A change of the champion.

    Attributes:
        version: The new champion.
        former: The previous champion, None for the first.
        at: Time, ISO 8601, UTC.
        how: "gate", "hand", "rollback", or "first" for the shipped network.
        reason: The reason, a sentence.
        by: Login name of the user; "" for the gate or if unknown.
    """

    version: int
    former: int | None
    at: str
    how: How
    reason: str
    by: str = ""


class Registry:
    """The versions of one registered model.

    Args:
        tracker: The tracking store of the registry.
    """

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        self.name = tracker.settings.model

    @cached_property
    def _client(self) -> Any:
        return self.tracker.client

    def register(self, finished: Finished, run_id: str) -> Version:
        """Return the version of a logged training, registering it as challenger if needed."""
        with self.lock():
            known = self.of_training(finished.model.key) or self._made_again(finished)
            if known and self._has_model(known):
                return known
            tags = {
                TRAINING: finished.model.key[:32],
                DATASET: finished.dataset.digest[:12],
                FOLDER: str(finished.dataset.path),
                WINDOW: str(trained_window(finished.dataset)),
                OVERLAP: str(finished.settings.evaluation.overlap),
            }
            name = self.tracker.client.get_run(run_id).info.run_name
            made = self.create(run_id, tags, version_text(finished, name))
            self._client.set_registered_model_alias(self.name, CHALLENGER, str(made.number))
            return made

    def _has_model(self, version: Version) -> bool:
        """Return whether a version's logged model was not deleted."""
        model_id = version.model_id
        return model_id is None or self.tracker.find_model(model_id) is not None

    def _made_again(self, finished: Finished) -> Version | None:
        """Return the version of an earlier training with the same weights, made by other code."""
        dataset, store = finished.dataset.digest[:12], self.tracker.store
        others = [one for one in self.versions() if one.tags.get(DATASET) == dataset]
        if same := with_weights(others, partial(self.fetch, store=store), finished.model):
            number, key = str(same.number), finished.model.key[:32]
            self._client.set_model_version_tag(self.name, number, TRAINING, key)
            return self.version(number)
        return None

    def lock(self) -> AbstractContextManager[object]:
        """Return the lock for registering and promoting."""
        return self.tracker.store.lock(f"registry {self.name}")

    def create(self, run_id: str, tags: Mapping[str, str], description: str) -> Version:
        """Register the network of a run as a new version; the caller holds the lock."""
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(self.name, description=HOW_TO)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        model_id = self.tracker.model_id(run_id)
        source = f"models:/{model_id}"
        made = self._client.create_model_version(
            self.name, source, run_id, model_id=model_id, tags=dict(tags), description=description
        )
        return _version(made)

    def of_training(self, training: str) -> Version | None:
        """Return the version of a training, by the training's key."""
        wanted = f"name = '{self.name}' and tags.`{TRAINING}` = '{training[:32]}'"
        found = self._client.search_model_versions(wanted, max_results=1)
        return _version(found[0]) if found else None

    def versions(self) -> list[Version]:
        """Return all versions, the newest first."""
        found = self._client.search_model_versions(f"name = '{self.name}'", max_results=1000)
        return sorted(map(_version, found), key=lambda v: -v.number)

    def champion(self) -> Version | None:
        """Return the version in use, None if there is none."""
        return self._aliased(CHAMPION)

    def challenger(self) -> Version | None:
        """Return the newest version that was not promoted, None if there is none."""
        return self._aliased(CHALLENGER)

    def version(self, number: int | str) -> Version:
        """Return a version by its number or its alias.

        Raises:
            RegistryError: It does not exist; the message lists the existing ones.
        """
        from mlflow.exceptions import MlflowException

        text = str(number)
        try:
            if not text.isdigit():
                return _version(self._client.get_model_version_by_alias(self.name, text))
            return _version(self._client.get_model_version(self.name, text))
        except MlflowException as error:
            there = ", ".join(str(v.number) for v in self._listed()) or "none"
            raise RegistryError(
                f"{self.name} in {self.tracker.uri} has no version {text!r}. Versions: {there}."
            ) from error

    def by_address(self, address: str) -> Version:
        """Return the version of an address such as models:/ecg-denoiser@champion.

        Raises:
            RegistryError: The address names another model or an unknown version.
        """
        name, _, which = address.removeprefix("models:/").replace("@", "/").partition("/")
        if name != self.name or not which:
            raise RegistryError(
                f"Expected an address such as models:/{self.name}@{CHAMPION} or "
                f"models:/{self.name}/3. Received: {address!r}."
            )
        return self.version(which)

    def fetch(self, version: Version, store: Store) -> Stored:
        """Return a version's network as a unit of the store, with the file `model.keras`.

        This is the training itself if it is still in the store. Otherwise the files come from
        the package or MLflow, with `model.onnx` except for old versions.

        Raises:
            RegistryError: Its files were deleted.
        """
        if trained := trained_here(version.training, store):
            return trained
        unit = Unit("models", f"{self.name} {version.number}", {"source": version.source})

        def download(into: Path) -> dict[str, Any]:
            self._download(version, into)
            return {"version": version.number, "training": version.training}

        return store.make(unit, download)

    def _download(self, version: Version, into: Path) -> None:
        from mlflow.artifacts import download_artifacts

        for one in shipped() if version.is_shipped else ():
            if file_sha256(one.file(NETWORK)) == version.tags[SHIPPED]:
                for name in (NETWORK, FILE):
                    shutil.copy(one.file(name), into / name)
                return

        with self.tracker.reached("The registered model"), TemporaryDirectory(dir=into) as folder:
            source, uri = version.source, self.tracker.uri
            found = networks(Path(download_artifacts(source, dst_path=folder, tracking_uri=uri)))
            if NETWORK not in found:
                raise RegistryError(
                    f"The network of version {version.number} of {self.name} is missing: expected "
                    f"{NETWORK} in {source}. Use another version."
                )
            for name, file in found.items():
                file.replace(into / name)

    def dataset(self, version: Version) -> Path:
        """Return the folder of a version's dataset, which may have been deleted.

        It is also looked for in the current store, which may have been restored elsewhere.
        """
        moved = self.tracker.store.root / "dataset" / version.folder.name
        return version.folder if version.folder.is_dir() else moved

    def log_verdict(self, version: Version, report: Stored, promoted: bool, reason: str) -> None:
        """Log a verdict with a version's run, and tag the version with it."""
        location = self._client.get_run(version.run_id).info.artifact_uri
        if altered(files_at(location, self.tracker.uri), seal(verdict_files(report))):
            self._client.log_artifacts(version.run_id, str(report.path), verdict_folder(report))
        said = f"{'promoted' if promoted else 'refused'}: {reason}"
        self.tag(version, VERDICT, said[:2000])
        self._describe(version, said)

    def _describe(self, version: Version, said: str) -> None:
        """Add the verdict to a version's description."""
        number = str(version.number)
        known = self._client.get_model_version(self.name, number).description or ""
        self._client.update_model_version(self.name, number, with_verdict(known, said))

    def history(self) -> list[Change]:
        """Return all changes of the champion, oldest first."""
        from mlflow.exceptions import MlflowException

        try:
            tags = self._client.get_registered_model(self.name).tags
        except MlflowException:
            return []
        return [
            Change(**json.loads(text))
            for key, text in sorted(tags.items())
            if key.startswith(_CHANGE)
        ]

    def promote(self, version: Version, how: How, reason: str, by: str = "") -> Change:
        """Make a version the champion, and add the change to the history.

        The history is written first: after a kill in between, the next call completes the change.
        """
        with self.lock():
            return self.put_into_use(version, how, reason, by)

    def put_into_use(self, version: Version, how: How, reason: str, by: str = "") -> Change:
        """Promote a version; the caller holds the lock."""
        former, history = self.champion(), self.history()
        at = datetime.now(UTC).isoformat(timespec="seconds")
        before = former.number if former else None
        change = Change(version.number, before, at, how, reason[:2000], by)
        if not history or history[-1].version != version.number:
            key = f"{_CHANGE}{len(history) + 1:06d}"
            self._client.set_registered_model_tag(self.name, key, json.dumps(asdict(change)))
        self._client.set_registered_model_alias(self.name, CHAMPION, str(version.number))
        challenger = self.challenger()
        if challenger and challenger.number == version.number:
            self._client.delete_registered_model_alias(self.name, CHALLENGER)
        return change

    def former(self) -> Version:
        """Return the previous champion, taking earlier rollbacks into account.

        Raises:
            RegistryError: There was none, or its version was deleted.
        """
        line: list[int] = []
        for change in self.history():
            if change.how == "rollback" and change.version in line:
                del line[line.index(change.version) + 1 :]
            else:
                line.append(change.version)
        if len(line) < 2:
            raise RegistryError(f"{self.name} has no earlier champion to return to.")
        return self.version(line[-2])

    def roll_back(self, reason: str, by: str = "") -> Change:
        """Return to the previous champion.

        The replaced version is tagged, so that the gate does not promote it again.

        Raises:
            RegistryError: There is no previous champion.
        """
        with self.lock():
            former, champion = self.former(), self.champion()
            if champion is not None:
                self.tag(champion, TAKEN_BACK, reason[:2000] or "taken back")
            return self.put_into_use(former, "rollback", reason, by)

    def tag(self, version: Version, key: str, value: str) -> None:
        """Set a tag of a version."""
        self._client.set_model_version_tag(self.name, str(version.number), key, value)

    def _aliased(self, alias: str) -> Version | None:
        from mlflow.exceptions import MlflowException

        try:
            return _version(self._client.get_model_version_by_alias(self.name, alias))
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None  # no such model or alias, or its version was deleted
            raise

    def _listed(self) -> list[Version]:
        from mlflow.exceptions import MlflowException

        try:
            return self.versions()
        except MlflowException:
            return []


def _version(found: ModelVersion) -> Version:
    tags = dict(found.tags)
    return Version(
        number=int(found.version),
        run_id=str(found.run_id),
        source=str(found.source),
        training=tags.get(TRAINING, ""),
        dataset=tags.get(DATASET, ""),
        folder=Path(tags.get(FOLDER, "")),
        window=int(tags.get(WINDOW, 0)),
        overlap=float(tags[OVERLAP]) if OVERLAP in tags else None,
        tags=tags,
    )
