"""Put back what was deleted from MLflow or altered there, from the store or from the package."""

from __future__ import annotations

import logging

from ecgmodel.denoise.onnx import FILE
from ecgmodel.models.trained import NETWORK
from ecgmodel.store import Store, Stored
from tasks.tracking.artifact_files import stored_files
from tasks.tracking.packing import examine, restore_model, seal_model
from tasks.tracking.registry import Registry, Version

_log = logging.getLogger("ecg")
_DELETED = "The model of version %d of %s was deleted from MLflow, so nobody can load the version."


def restore(registry: Registry, version: Version, network: Stored, store: Store) -> None:
    """Put the deleted or altered files of a version's model back.

    Args:
        registry: The model registry.
        version: The version.
        network: Its network (`Registry.fetch`).
        store: The store, in which the network is exported if it is there without `model.onnx`.
    """
    if (model_id := version.model_id) is None:
        return
    tracker = registry.tracker
    with tracker.reached("The registered model"):
        if tracker.find_model(model_id) is None:
            _log.warning(_DELETED, version.number, registry.name)
            return
        names = {NETWORK, FILE} & network.files.keys()
        known = stored_files({name: network.files[name] for name in names})
        parts = examine(tracker, model_id, known).missing
        if not parts:
            return
        keras, onnx = network.file(NETWORK), network.file(FILE)
        if FILE not in names:
            from ecgmodel.steps.denoising import export_step  # imports SciPy

            overlap = 0.0 if version.overlap is None else version.overlap
            onnx = export_step(keras, version.window, overlap).run(store).file(FILE)
        restore_model(tracker.client, version.run_id, model_id, parts, keras, onnx)
        seal_model(tracker, model_id)
    _log.warning(
        "%s of version %d of %s had been deleted from MLflow or altered there; put back.",
        ", ".join(sorted(parts)),
        version.number,
        registry.name,
    )
