"""Facts of a training in words, the same on every page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def kept(facts: Mapping[str, Any]) -> str:
    """Return which epoch's weights a training kept.

    Args:
        facts: Of the stored training: "epochs", and "best_epoch", 0 for what it started from.
    """
    if facts["best_epoch"]:
        return f"epoch {facts['best_epoch']} of {facts['epochs']} kept"
    return f"none of {facts['epochs']} epochs was better than the weights it started from"
