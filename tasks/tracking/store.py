"""The tracking store: address, MLflow client, and errors."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ecgmodel.errors import EcgError, SettingsError
from ecgmodel.settings.config import TrackingSettings
from ecgmodel.store import Store
from tasks.tracking.database import make_database

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

# The kind of experiment in MLflow's UI (`ExperimentKind` in its sources).
KIND, MODEL_TRAINING = "mlflow.experimentKind", "custom_model_development"
# Without it, the UI of MLflow 3.17 opens the experiment as GenAI.
AS_TRAINING = "?workflowType=machine_learning"


class TrackingError(EcgError, ConnectionError):
    """The tracking store did not answer; the results to be logged are on disk."""


class TrackingStore:
    """A tracking store.

    Args:
        settings: Its address and names.
        store: The store of results; without an address, the tracking store lies in it.
    """

    def __init__(self, settings: TrackingSettings, store: Store) -> None:
        self.settings = settings
        self.store = store
        folder = store.root / "mlflow"
        self.uri = settings.uri or f"sqlite:///{folder / 'mlflow.db'}"
        self._artifacts = None if settings.uri else (folder / "artifacts").as_uri()
        if settings.uri is None:
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def ui_command(self) -> str:
        """How to open MLflow's UI."""
        page = f"{self._server}/#/experiments/{self.experiment}{AS_TRAINING}"
        if self.uri.startswith("http"):
            return f"open '{page}'"
        command = shutil.which("mlflow") or Path(sys.executable).with_name("mlflow")
        return f"{command} ui --backend-store-uri '{self.uri}'  # then '{page}'"

    def holds(self, location: str) -> bool:
        """Return whether artifacts lie where this tracking store would write them.

        They do not after a store with its own tracking store was copied or moved: MLflow's
        database has absolute paths.

        Args:
            location: URI of a run's or a model's artifacts.
        """
        return self._artifacts is None or location.startswith(f"{self._artifacts}/")

    @contextmanager
    def reached(self, what: str) -> Iterator[None]:
        """Turn MLflow's errors into a `TrackingError` that names the results on disk."""
        with reaching(self.uri, what):
            yield

    def find_model(self, model_id: str) -> LoggedModel | None:
        """Return a logged model, None if it was deleted."""
        from mlflow.exceptions import MlflowException

        try:
            return self.client.get_logged_model(model_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None

    def read_json(self, run_id: str, name: str) -> Any:
        """Return the JSON artifact of a run."""
        with TemporaryDirectory() as folder:
            return json.loads(
                Path(self.client.download_artifacts(run_id, name, folder)).read_text()
            )

    def run_link(self, run_id: str) -> str:
        """Return the URL of a run's page on a server, else the store's address."""
        return f"{self._server}/{self.run_page(run_id)}"

    def run_page(self, run_id: str, inside: str = "") -> str:
        """Return the URL, inside MLflow's UI, of a run or of a part such as an artifact.

        Args:
            run_id: The run.
            inside: The part, e.g. "artifacts/report.html".
        """
        part = f"/{inside}" if inside else ""
        return f"#/experiments/{self.experiment}/runs/{run_id}{part}{AS_TRAINING}"

    @property
    def _server(self) -> str:
        """URL of MLflow's UI, whether or not it is running."""
        return self.uri.rstrip("/") if self.uri.startswith("http") else "http://127.0.0.1:5000"

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's client, imported lazily since that takes seconds."""
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", f"{self.settings.timeout_s:.0f}")
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        import mlflow

        if self._artifacts is not None:
            make_database(self.store.root / "mlflow" / "mlflow.db", self._artifacts)
        mlflow.set_tracking_uri(self.uri)
        return mlflow.MlflowClient(self.uri, registry_uri=self.uri)

    @cached_property
    def experiment(self) -> str:
        """The experiment's id; the experiment is created if needed.

        Its kind is model training. Without a kind MLflow guesses, and may show traces and judges
        of language models.
        """
        found = self._experiment()
        kind = self.client.get_experiment(found).tags.get(KIND, "")
        if not kind or kind.endswith("_inferred"):
            self.client.set_experiment_tag(found, KIND, MODEL_TRAINING)
        return found

    def _experiment(self) -> str:
        from mlflow.exceptions import MlflowException

        name = self.settings.experiment
        if found := self.client.get_experiment_by_name(name):
            if found.lifecycle_stage == "deleted":
                self.client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        try:
            made = self.client.create_experiment(name, artifact_location=self._artifacts)
            return str(made)
        except MlflowException:  # another process created it in the meantime
            found = self.client.get_experiment_by_name(name)
            if found is None:
                raise
            return str(found.experiment_id)


def check_tracking(tracking: TrackingSettings, store: Store) -> None:
    """Raise an error if the tracking store does not answer.

    With `tracking.retries` it may be absent now: the run waits for it at the end.

    Raises:
        SettingsError: It does not answer.
    """
    if tracking.uri is None or tracking.retries:
        return
    try:
        with reaching(tracking.uri, "Runs"):
            TrackingStore(tracking, store)._experiment()  # created if needed
    except TrackingError as error:
        raise SettingsError(
            f"tracking.uri={tracking.uri} does not answer ({error.__cause__}). Start MLflow there, "
            "omit tracking.uri (runs are then logged in the store), or set tracking.retries "
            "to begin now and wait for the server at the end."
        ) from error


def warm_up() -> None:
    """Import MLflow's client in advance, which takes seconds; errors are raised on first use."""
    with suppress(ImportError):
        import_module("mlflow.store.tracking.sqlalchemy_store")


@contextmanager
def reaching(uri: str, what: str = "The model and its report") -> Iterator[None]:
    """Turn MLflow's errors into a `TrackingError` with a remedy.

    Args:
        uri: Address of the tracking store.
        what: The results that wait on disk.
    """
    import requests
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, requests.RequestException) as error:
        first = str(error).strip().splitlines()[0][:300]
        raise TrackingError(
            f"MLflow at {uri} failed: {first}. {what} "
            "are kept; run the same command again to log them."
        ) from error
