"""Descriptions of a training that several pages share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def saved_weights(facts: Mapping[str, Any]) -> str:
    """Return a description of the weights that a training saved.

    Args:
        facts: Facts of the stored training: "epochs", and "best_epoch", 0 for the initial weights.
    """
    if facts["best_epoch"]:
        return f"weights of epoch {facts['best_epoch']} of {facts['epochs']}"
    return f"initial weights, since none of {facts['epochs']} epochs improved on them"
