"""What the pipeline tells the Prefect server: events that start other flows, or notify people."""

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
    """Tell the server of an event; when this returns, the server has it.

    Args:
        name: What happened, e.g. "ecg.dataset.published".
        resource: What it happened to, e.g. "ecg.dataset.4f1c".
        payload: JSON-able facts.
    """
    event = Event(
        event=name, resource=Resource({"prefect.resource.id": resource}), payload=dict(payload)
    )
    with get_client(sync_client=True) as client:
        client.request("POST", "/events", json=[event.model_dump(mode="json")])


def emit_once(name: str, resource: str, payload: Mapping[str, Any], store: Store) -> bool:
    """Tell the server of an event, unless it was told before; return whether it was told now.

    What was told stands in the store and is written down last: after a kill in between, the
    server is told again, and whoever listens finds the work done.
    """
    marker = store.root / "announced" / f"{name} {resource}"
    with store.lock(f"announced {name} {resource}"):
        if marker.is_file():
            return False
        emit(name, resource, payload)
        marker.parent.mkdir(parents=True, exist_ok=True)
        write_text(marker, resource + "\n")
        return True
