"""Prefect events of the pipeline, which start other flows or notify people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect.client.orchestration import get_client
from prefect.events import Event, Resource

from ecgmodel.store import Store, write_text

DATASET_PUBLISHED = "ecg.dataset.published"
DRIFT_DETECTED = "ecg.drift.detected"
MODEL_PROMOTED, MODEL_REFUSED = "ecg.model.promoted", "ecg.model.refused"


def emit(name: str, resource: str, payload: Mapping[str, Any]) -> None:
    """Emit an event and wait until the server has received it.

    Args:
        name: Name of the event, e.g. "ecg.dataset.published".
        resource: Id of the resource, e.g. "ecg.dataset.4f1c".
        payload: JSON-serialisable data.
    """
    event = Event(
        event=name, resource=Resource({"prefect.resource.id": resource}), payload=dict(payload)
    )
    with get_client(sync_client=True) as client:
        client.request("POST", "/events", json=[event.model_dump(mode="json")])


def emit_once(name: str, resource: str, payload: Mapping[str, Any], store: Store) -> bool:
    """Emit an event unless it was emitted before; return whether it was emitted now.

    Emitted events are recorded in the store afterwards: after a kill in between, the event is
    emitted again, and its subscribers find the work done.
    """
    marker = store.root / "announced" / f"{name} {resource}"
    with store.lock(f"announced {name} {resource}"):
        if marker.is_file():
            return False
        emit(name, resource, payload)
        marker.parent.mkdir(parents=True, exist_ok=True)
        write_text(marker, resource + "\n")
        return True
