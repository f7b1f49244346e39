"""The tests of the benchmark protocols that rules of the gate need, from published recordings."""

from __future__ import annotations

from ecgmodel import protocols
from ecgmodel.errors import MissingFileError, SettingsError
from ecgmodel.promotion.judging import needed_protocols
from ecgmodel.settings.config import Settings
from ecgmodel.steps.data import open_source
from ecgmodel.store import Store, Stored
from flows.prepare import list_names
from flows.protocol_work import FlowWork


def check_protocols(settings: Settings, store: Store) -> None:
    """Raise an error if the recordings that rules of the gate need are not to be had.

    Raises:
        SettingsError: `source.base_url` does not list them.
    """
    work = FlowWork(settings, store)
    for protocol in needed_protocols(*settings.gate.rules):
        for database, wanted in protocols.load(protocol).RECORDINGS.items():
            source = open_source(work.settings, database, store)
            try:
                listed = list_names(source, database, work.settings)
            except MissingFileError:
                listed = ()
            missing = [name for name in wanted if name not in listed]
            if missing or not listed:
                raise SettingsError(
                    f"gate.rules asks for the protocol {protocol}, which needs the recordings "
                    f"{', '.join(missing[:8]) or 'all'} of {database}, and source.base_url="
                    f"{settings.source.base_url} does not list them. Leave the rule out, or "
                    "name a mirror that holds them."
                )


def protocol_tests(settings: Settings, store: Store) -> dict[str, Stored]:
    """Return the tests by protocol, from `source.base_url` whatever the training's source is."""
    work = FlowWork(settings, store)
    modules = {name: protocols.load(name) for name in needed_protocols(*settings.gate.rules)}
    return {name: m.prepare(work, m.RECORDINGS) for name, m in modules.items()}
