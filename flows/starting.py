"""The weights that a training starts from, refused before any work where they do not fit."""

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
    "%s does not say who trained it. The result can be trained and measured, but test people may "
    "be among those who trained it: the gate does not promote it. If you know that they are not, "
    "put it into use by hand: `ecg-denoise promote NUMBER`."
)


def checked_start(settings: Settings, store: Store, dataset: Stored | None = None) -> Start | None:
    """Return the weights that `training.start_from` names; None starts anew.

    Args:
        settings: All settings.
        store: The store.
        dataset: What is to be trained on, if it is there yet.

    Raises:
        EcgError: They are not there, or do not fit the network of the settings.
    """
    start = find_start(settings, store, dataset)
    if start is None:
        return None
    if start.lineage.unknown:
        logging.getLogger("ecg").warning(BY_HAND, start.lineage.unknown)
    if not _noted_as_equal(start, settings):
        import_keras()
        network = build_network(settings.network.architecture, network_options(settings))
        start_from(network, start.file, start.network)
    return start


def _noted_as_equal(start: Start, settings: Settings) -> bool:
    """Return whether what is noted of the weights says that they fit; that takes no Keras."""
    name = settings.network.architecture
    if start.network is None or start.network["architecture"] != name:
        return False
    options = architecture(name).Settings.model_validate
    theirs = options(dict(start.network["options"]))
    return bool(theirs == options(network_options(settings)))
