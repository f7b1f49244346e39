"""A training that is done, as it is handed to the tracking store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ecgmodel.models.lineage import Lineage
from ecgmodel.settings.config import Settings
from ecgmodel.store import Stored


@dataclass(frozen=True)
class Finished:
    """A training that is done, and all that is to be logged of it.

    Attributes:
        settings: The settings that led to it.
        dataset: What it was trained on.
        model: The trained network, with its history.
        exported: The same as `model.onnx`.
        report: Tables, figures and report.
        flow_run: Prefect's flow run: "id", "name" and, if there is a UI, "url".
        trigger: What asked for it, e.g. "by hand".
        lineage: Who has been seen, by it and by the weights that it started from.
    """

    settings: Settings
    dataset: Stored
    model: Stored
    exported: Stored
    report: Stored
    flow_run: Mapping[str, str]
    trigger: str
    lineage: Lineage
