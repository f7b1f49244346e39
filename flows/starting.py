"""Initial weights of a training, checked before any work begins."""

from __future__ import annotations

import logging

from ecgmodel.models.lineage import Start
from ecgmodel.networks import architecture, build_network, start_from
from ecgmodel.settings.config import Settings
from ecgmodel.steps.training import network_options
from ecgmodel.store import Store, Stored
from ecgmodel.support.quiet import import_keras
from tasks.models import find_start

BY_HAND = (
    "The training subjects of %s are unknown and may include test subjects. The result is "
    "trained and measured, but the gate does not promote it. If you know that no test subject "
    "was used, promote it by hand: `ecg-denoise promote NUMBER`."
)


def checked_start(settings: Settings, store: Store, dataset: Stored | None = None) -> Start | None:
    """Return the initial weights that `training.start_from` names; None for random weights.

    Args:
        settings: All settings.
        store: The store.
        dataset: The training dataset, if it is prepared already.

    Raises:
        EcgError: The weights are missing, or do not fit the network of the settings.
    """
    start = find_start(settings, store, dataset)
    if start is None:
        return None
    if start.lineage.unknown:
        logging.getLogger("ecg").warning(BY_HAND, start.lineage.unknown)
    if not _noted_as_equal(start, settings):
        import_keras()
        network = build_network(
            settings.network.architecture,
            network_options(settings),
        )
        start_from(network, start.file, start.network)
    return start


def _noted_as_equal(start: Start, settings: Settings) -> bool:
    """Return whether the weights' metadata shows that they fit, without importing Keras."""
    name = settings.network.architecture
    if start.network is None or start.network["architecture"] != name:
        return False
    options = architecture(name).Settings.model_validate
    theirs = options(dict(start.network["options"]))
    return bool(theirs == options(network_options(settings)))
