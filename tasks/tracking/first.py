"""The first champion: the shipped network, so that a model is in use from the start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecgmodel.denoise.onnx import FILE
from ecgmodel.models.lineage import LINEAGE, shipped_start
from ecgmodel.models.trained import CARD, NETWORK, RECIPE, RECORDINGS, SUBJECTS, Trained, shipped
from ecgmodel.store import file_sha256
from tasks.tracking.packing import log_model, seal_model
from tasks.tracking.registry import (
    OVERLAP,
    SHIPPED,
    WINDOW,
    Registry,
    Version,
)
from tasks.tracking.runs import DATASET_FILE, NETWORK_SETTINGS, Tracker

if TYPE_CHECKING:
    from mlflow.entities import Run

LONGEST = 4_900
"""Maximum length of a version's description, characters; MLflow allows 5,000."""


def ensure_champion(registry: Registry, name: str | None) -> Version | None:
    """Return the champion; register a shipped network if the registry never had one.

    It is registered once, even by two processes at the same time or after a kill.

    Args:
        registry: The model registry.
        name: Name of the shipped network (`gate.first_champion`); None registers nothing.

    Returns:
        The champion; None if there is none, or if the last one was deleted.

    Raises:
        TrackingError: The tracking store did not answer.
    """
    with registry.tracker.reached("Nothing was changed; the models"):
        if (champion := registry.champion()) or name is None or _had_another(registry):
            return champion
        (one,) = (one for one in shipped() if one.name == name)
        with registry.lock():
            if (champion := registry.champion()) or _had_another(registry):
                return champion
            return _put_into_use(registry, one)


def _had_another(registry: Registry) -> bool:
    """Return whether the history names a champion other than a shipped one."""
    return any(change.how != "shipped" for change in registry.history())


def _put_into_use(registry: Registry, one: Trained) -> Version | None:
    known = {version.tags.get(SHIPPED): version for version in registry.versions()}
    version = known.get(_sha256(one))
    if version is None and registry.history():
        return None  # deleted on purpose
    version = version or _register(registry, one)
    reason = f"The network {one.name} is shipped with the package: the first model."
    registry.put_into_use(version, "shipped", reason)
    return version


def _register(registry: Registry, one: Trained) -> Version:
    """Return a shipped network as a version; its run holds card, recipe and subjects."""
    recipe, run_id = one.settings(), _run(registry.tracker, one)
    tags = {
        SHIPPED: _sha256(one),
        WINDOW: str(recipe.mix.window),
        OVERLAP: str(recipe.evaluation.overlap),
    }
    card = (one.folder / CARD).read_text()
    return registry.create(run_id, tags, card[: card.rfind("\n## ", 0, LONGEST)].strip())


def _run(tracker: Tracker, one: Trained) -> str:
    """Return the complete run of a shipped network, creating it if needed."""
    client, sha256 = tracker.client, _sha256(one)
    found = client.search_runs([tracker.experiment], f"tags.`{SHIPPED}` = '{sha256}'")
    run: Run = (
        found[0]
        if found
        else client.create_run(
            tracker.experiment,
            tags={
                SHIPPED: sha256,
                "mlflow.source.name": "ecg-denoise",
                "mlflow.note.content": f"The network {one.name}, shipped with the package. Its "
                f"card is {CARD}.",
            },
            run_name=f"{one.name}, shipped with the package",
        )
    )
    run_id, start = str(run.info.run_id), shipped_start(one)
    facts = {"name": one.name, LINEAGE: start.lineage.to_dict(), NETWORK_SETTINGS: start.network}
    client.log_dict(run_id, facts, DATASET_FILE)
    for name in (CARD, RECIPE, SUBJECTS, RECORDINGS):
        client.log_artifact(run_id, str(one.folder / name))
    tracker.seal_files(run_id, (DATASET_FILE,))
    if not tracker.model_id(run_id):
        seal_model(tracker, log_model(run_id, one.file(NETWORK), one.file(FILE)))
    client.set_terminated(run_id, "FINISHED")
    return run_id


def _sha256(one: Trained) -> str:
    return file_sha256(one.file(NETWORK))
