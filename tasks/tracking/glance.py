"""Look at what the tracking store says of a run, without MLflow, whose import takes seconds."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, pathname2url, urlopen

from ecgmodel.settings.config import TrackingSettings
from ecgmodel.store import Store, digest
from tasks.tracking.runs import LOGGED

# Tables of MLflow's database; an error here, after a change of theirs, lets the pipeline run.
_RUN = "select status, lifecycle_stage from runs where run_uuid = ?"
_LOGGED = f"select value from tags where run_uuid = ? and key = '{LOGGED}'"
_MODELS = """select model_id, status, lifecycle_stage from logged_models where source_run_id = ?1
    or source_run_id in (select run_id from model_versions where name = ?2)"""
_VERSIONS = "select version, run_id, status, current_stage from model_versions where name = ?2"
_ALIASES = "select alias, version from registered_model_aliases where name = ?2"


def glance(settings: TrackingSettings, store: Store, run: str) -> str:
    """Return a hash of the state of a run and its models, and of all versions and aliases.

    A server is asked by four requests, of which each takes some milliseconds.

    Args:
        settings: Address of the tracking store and name of the model.
        store: The store, which holds the tracking store if there is no address.
        run: The run's id.

    Raises:
        HTTPException: A server's answer is not HTTP.
        OSError: The server did not answer, or does not know the run or the model.
        sqlite3.Error: The database could not be read.
        ValueError: There is another kind of tracking store, or the answer is not JSON.
        KeyError, TypeError, AttributeError: The answer is JSON of another form.
    """
    if settings.uri is not None:
        return digest([run, _served(settings, run)])
    asked = (_RUN, _LOGGED, _MODELS, _VERSIONS, _ALIASES)
    return digest([sorted(_rows(store, query, run, settings.model)) for query in asked])


def _rows(store: Store, query: str, run: str, model: str) -> list[list[Any]]:
    place = f"file:{pathname2url(str(store.root / 'mlflow' / 'mlflow.db'))}?mode=ro"
    values = (run, model) if "?2" in query else (run,)
    with closing(sqlite3.connect(place, uri=True, timeout=5)) as database:
        return [list(row) for row in database.execute(query, values)]


def _served(settings: TrackingSettings, run: str) -> list[Any]:
    """Return the state of a run, its models, and all versions and aliases, as a server tells."""
    told = _ask(settings, "runs/get", {"run_id": run})["run"]
    tags = {tag["key"]: tag["value"] for tag in told["data"]["tags"]}
    state = [told["info"]["status"], told["info"]["lifecycle_stage"], tags.get(LOGGED)]
    made = {
        "experiment_ids": [told["info"]["experiment_id"]],
        "filter": f"source_run_id = '{run}'",
    }
    models = _ask(settings, "logged-models/search", body=made).get("models", [])
    registered = _ask(settings, "registered-models/get", {"name": settings.model})
    named = {"filter": f"name = '{settings.model}'", "max_results": 1000}
    versions = _ask(settings, "model-versions/search", named).get("model_versions", [])
    aliases = registered["registered_model"].get("aliases", [])
    kept = ("version", "run_id", "status", "current_stage")
    return [
        state,
        sorted([one["info"]["model_id"], one["info"]["status"]] for one in models),
        sorted([one.get(name, "") for name in kept] for one in versions),
        sorted([one["alias"], one["version"]] for one in aliases),
    ]


def _ask(
    settings: TrackingSettings,
    what: str,
    query: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
) -> Any:
    """Return a server's answer to one request of MLflow's REST API."""
    address = str(settings.uri).rstrip("/")
    if not address.startswith(("http://", "https://")):
        raise ValueError(f"{settings.uri} is no address of a server")
    asked = f"{address}/api/2.0/mlflow/{what}" + (f"?{urlencode(query)}" if query else "")
    sent = json.dumps(body).encode() if body else None
    request = Request(asked, sent, {"Content-Type": "application/json", **_login()})
    with urlopen(request, timeout=settings.timeout_s) as answer:
        return json.load(answer)


def _login() -> dict[str, str]:
    """Return the header by which MLflow's own client would log in."""
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    if user := os.environ.get("MLFLOW_TRACKING_USERNAME"):
        login = f"{user}:{os.environ.get('MLFLOW_TRACKING_PASSWORD', '')}"
        return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
    return {}
