"""A finished training, to be logged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ecgmodel.models.lineage import Lineage
from ecgmodel.settings.config import Settings
from ecgmodel.store import Stored


@dataclass(frozen=True)
class Finished:
    """A finished training with everything to be logged.

    Attributes:
        settings: The settings of the training.
        dataset: The training dataset.
        model: The trained network, with its history.
        exported: The network as `model.onnx`.
        report: Tables, figures and report.
        flow_run: Prefect's flow run: "id", "name" and, if there is a UI, "url".
        trigger: What started it, e.g. "by hand".
        lineage: Subjects seen by it and by its initial weights.
    """

    settings: Settings
    dataset: Stored
    model: Stored
    exported: Stored
    report: Stored
    flow_run: Mapping[str, str]
    trigger: str
    lineage: Lineage
