"""Prefect automations that notify a webhook of failures and promotions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient

NAMES = ("ecg: a run failed", "ecg: a model was promoted")


def notify(client: SyncPrefectClient, webhook: str | None) -> None:
    """Create, update or remove the automations that notify a webhook.

    Args:
        client: Client of the Prefect server.
        webhook: URL of the webhook; None removes the automations.
    """
    for automation in client.request("POST", "/automations/filter", json={}).json():
        if automation["name"] in NAMES:
            client.request("DELETE", "/automations/{id}", path_params={"id": automation["id"]})
    if webhook is None:
        return
    block = _block(webhook)
    failed = {
        "type": "event",
        "match": {"prefect.resource.id": "prefect.flow-run.*"},
        "match_related": {"prefect.resource.role": "tag", "prefect.resource.id": "prefect.tag.ecg"},
        "expect": ["prefect.flow-run.Failed"],
        "posture": "Reactive",
        "threshold": 1,
        "within": 0,
    }
    promoted = {
        **{"type": "event", "match": {"prefect.resource.id": "ecg.model.*"}},
        **{"expect": ["ecg.model.promoted"], "posture": "Reactive", "threshold": 1, "within": 0},
    }
    said = (
        ("{{ flow_run.name }} failed", "{{ flow_run.state.message }}"),
        (
            "A new model is in use",
            "Version {{ event.payload.version }}: {{ event.payload.reason }}",
        ),
    )
    for name, trigger, (subject, body) in zip(NAMES, (failed, promoted), said, strict=True):
        action = {"type": "send-notification", "block_document_id": block}
        automation = {
            **{"name": name, "enabled": True, "trigger": trigger},
            "actions": [{**action, "subject": subject, "body": body}],
        }
        client.request("POST", "/automations/", json=automation)


def _block(webhook: str) -> str:
    """Return the id of the block with the webhook's URL."""
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    made: Any = CustomWebhookNotificationBlock(
        name="ecg-webhook",
        url=webhook,
        method="POST",
        json_data={"subject": "{{subject}}", "body": "{{body}}"},
        timeout=timedelta(seconds=10).total_seconds(),
    )
    assert isinstance(made, Block)
    return str(made.save("ecg-webhook", overwrite=True))
