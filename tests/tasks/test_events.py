"""Events reach the server, and each is told once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from prefect.client.orchestration import get_client

from ecgmodel.store import Store
from tasks.events import DATASET_PUBLISHED, emit_once


def told(resource: str) -> list[dict[str, Any]]:
    wanted = {"filter": {"resource": {"id": [resource]}}}
    with get_client(sync_client=True) as client:
        return list(client.request("POST", "/events/filter", json=wanted).json()["events"])


def test_an_event_is_told_once_with_all_that_it_says(prefect_server: None, tmp_path: Path) -> None:
    store, resource = Store(tmp_path), "ecg.dataset.0123456789abcdef"
    facts = {"digest": "0123", "settings": {"mix": {"snr_db": [0.0, 6.0]}}}
    assert emit_once(DATASET_PUBLISHED, resource, facts, store)
    assert not emit_once(DATASET_PUBLISHED, resource, facts, Store(tmp_path))
    end = time.monotonic() + 30
    while not told(resource) and time.monotonic() < end:
        time.sleep(0.2)
    (event,) = told(resource)
    assert event["event"] == DATASET_PUBLISHED
    assert event["payload"] == facts
