"""Tests of the benchmark protocols that the gate's rules need."""

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
    """Raise an error if the recordings that the gate's rules need are not available.

    Raises:
        SettingsError: `source.base_url` does not list them.
    """
    work = FlowWork(settings, store)
    for protocol in needed_protocols(*settings.gate.rules):
        for database, wanted in protocols.load(protocol).records.items():
            source = open_source(work.settings.source, database, store)
            try:
                listed = list_names(source, database, work.settings.source)
            except MissingFileError:
                listed = ()
            missing = [name for name in wanted if name not in listed]
            if missing or not listed:
                raise SettingsError(
                    f"gate.rules asks for the protocol {protocol}, which needs the recordings "
                    f"{', '.join(missing[:8]) or 'all'} of {database}, and source.base_url="
                    f"{settings.source.base_url} does not list them. Remove the rule, or "
                    "set source.base_url to a mirror that has them."
                )


def protocol_tests(settings: Settings, store: Store) -> dict[str, Stored]:
    """Return each protocol's test, with recordings from `source.base_url`."""
    work = FlowWork(settings, store)
    needed = needed_protocols(*settings.gate.rules)
    return {name: protocols.load(name).prepared(work) for name in needed}
