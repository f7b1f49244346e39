"""Look at what the tracking store says of a run, without MLflow, whose import takes seconds."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, pathname2url, urlopen

from ecgmodel.settings.config import TrackingSettings
from ecgmodel.store import Store, digest

# Tables of MLflow's database; an error here, after a change of theirs, lets the pipeline run.
_RUN = "select status, lifecycle_stage from runs where run_uuid = ?"
_MODELS = "select model_id, status, lifecycle_stage from logged_models where source_run_id = ?"
_VERSIONS = "select version, run_id, status, current_stage from model_versions where name = ?"
_ALIASES = "select alias, version from registered_model_aliases where name = ?"


def glance(settings: TrackingSettings, store: Store, run: str) -> str:
    """Return a hash of a run's state and of the registered model's versions and aliases.

    A server is asked for the newest versions and the aliases alone, by one request.

    Args:
        settings: Address of the tracking store and name of the model.
        store: The store, which holds the tracking store if there is no address.
        run: The run's id.

    Raises:
        OSError: The server did not answer.
        sqlite3.Error: The database could not be read.
        ValueError: There is another kind of tracking store, or an unknown answer.
        KeyError: The answer lacks the model.
    """
    if settings.uri is not None:
        return digest([run, _served(settings)])
    asked = ((_RUN, run), (_MODELS, run), (_VERSIONS, settings.model), (_ALIASES, settings.model))
    return digest([sorted(_rows(store, query, value)) for query, value in asked])


def logged_files(settings: TrackingSettings, store: Store, run: str) -> list[Path]:
    """Return the local files of a run, of its models, and of the model's other versions."""
    if settings.uri is not None:
        return []
    versions = "select run_id from model_versions where name = ?"
    runs = {run, *(row[0] for row in _rows(store, versions, settings.model))}
    models = [f"models/{row[0]}" for one in runs for row in _rows(store, _MODELS, one)]
    folders = (store.root / "mlflow" / "artifacts" / name for name in (*runs, *models))
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())


def _rows(store: Store, query: str, value: str) -> list[list[Any]]:
    place = f"file:{pathname2url(str(store.root / 'mlflow' / 'mlflow.db'))}?mode=ro"
    with closing(sqlite3.connect(place, uri=True, timeout=5)) as database:
        return [list(row) for row in database.execute(query, (value,))]


def _served(settings: TrackingSettings) -> list[Any]:
    """Return the registered model's newest versions and aliases, as a server tells them."""
    if not str(settings.uri).startswith(("http://", "https://")):
        raise ValueError(f"{settings.uri} is no address of a server")
    asked = f"api/2.0/mlflow/registered-models/get?{urlencode({'name': settings.model})}"
    request = Request(f"{str(settings.uri).rstrip('/')}/{asked}", headers=_login())
    with urlopen(request, timeout=settings.timeout_s) as answer:
        model = json.load(answer)["registered_model"]
    kept = ("version", "run_id", "status", "current_stage")
    versions = [[one.get(name) for name in kept] for one in model.get("latest_versions", [])]
    aliases = [[one["alias"], one["version"]] for one in model.get("aliases", [])]
    return [sorted(versions, key=str), sorted(aliases)]


def _login() -> dict[str, str]:
    """Return the header by which MLflow's own client would log in."""
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    if user := os.environ.get("MLFLOW_TRACKING_USERNAME"):
        login = f"{user}:{os.environ.get('MLFLOW_TRACKING_PASSWORD', '')}"
        return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
    return {}
