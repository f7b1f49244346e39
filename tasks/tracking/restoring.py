"""Put back what was deleted from MLflow, from the store or from the package."""

from __future__ import annotations

import logging

from ecgmodel.denoise.onnx import FILE
from ecgmodel.models.trained import NETWORK
from ecgmodel.store import Store, Stored
from tasks.tracking.packing import missing_parts, restore_model
from tasks.tracking.registry import Registry, Version

_log = logging.getLogger("ecg")


def restore(registry: Registry, version: Version, network: Stored, store: Store) -> None:
    """Put the deleted files of a version's model back.

    Args:
        registry: The model registry.
        version: The version.
        network: Its network (`Registry.fetch`).
        store: The store, in which the network is exported if it is there without `model.onnx`.
    """
    model_id = version.source.removeprefix("models:/")
    if not model_id.startswith("m-"):  # registered by an MLflow before logged models
        return
    with registry.tracker.reached("The registered model"):
        client = registry.tracker.client
        if not registry.tracker.holds(client.get_logged_model(model_id).artifact_location):
            return
        names = {NETWORK, FILE} & network.files.keys()
        sizes = {name: int(network.files[name]["bytes"]) for name in names}
        parts = missing_parts(client, model_id, sizes)
        if not parts:
            return
        keras, onnx = network.file(NETWORK), network.file(FILE)
        if FILE not in names:
            from ecgmodel.steps.denoising import export_step  # imports SciPy

            overlap = 0.0 if version.overlap is None else version.overlap
            onnx = export_step(keras, version.window, overlap).run(store).file(FILE)
        restore_model(client, version.run_id, model_id, parts, keras, onnx)
    _log.warning(
        "%s of version %d of %s had been deleted from MLflow; put back.",
        ", ".join(sorted(parts)),
        version.number,
        registry.name,
    )
