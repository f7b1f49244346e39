"""The first record of a run, fetched while Prefect's server starts.

The record is fetched by the step that the flow would run, so the flow finds it in the store. Errors
are left to the flow: it asks again, retries and reports.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape

from ecgmodel.settings.config import Settings, SourceSettings
from ecgmodel.settings.preflight import check_places
from ecgmodel.sources.base import RecordSource, Source
from ecgmodel.steps.data import Step, download_step, open_source
from ecgmodel.store import Store, Unit
from flows.choosing import choose_records, names_once, noise_names

TIMEOUT_S = 5.0
"""Longest wait for an answer of a source; a slower one is left to the flow."""


def fetch_first(settings: Settings) -> None:
    """Fetch the first record that a run will miss in the store, without Prefect.

    Nothing is fetched for settings whose folders or record names are wrong.
    """
    with suppress(Exception):
        store = Store(settings.store)
        with _silent():  # the flow lists the records again
            step = _first_missing(settings, store)
        if step:
            step.run(store)


def _first_missing(settings: Settings, store: Store) -> Step | None:
    """Return the step of the first missing record, in the order of the flow `prepare`.

    Clean records are looked up by name, since listing a folder's records reads all of its files.
    """
    check_places(settings)
    brief = min(settings.source.timeout_s, TIMEOUT_S)
    origin = settings.source.model_copy(update={"timeout_s": brief})
    listed = choose_records(origin, settings.split, store, names_once, _only_names)
    database, names = origin.noise_database, noise_names(settings.mix)
    noise = open_source(origin, database, store)
    for record in noise.records(database, names) if names else ():
        step = download_step(noise, record, origin)
        if not (store.root / step.unit.folder).exists():
            return step
    missing = (one for one in listed if not _has_any(store, one[1]))
    # With all names there, a change of settings concerns the first record as it does the others.
    source, named = next(missing, listed[0])
    (record,) = source.records(named.database, (named.name,))
    step = download_step(source, record, origin, settings.resample)
    return None if (store.root / step.unit.folder).exists() else step


def _has_any(store: Store, record: RecordSource) -> bool:
    """Return whether a record was downloaded, in whatever version and length."""
    folder, _, key = Unit("download", f"{record.database}/{record.name}", {}).folder.rpartition("-")
    return any(store.root.glob(f"{escape(folder)}-{'[0-9a-f]' * len(key)}"))


def _only_names(
    source: Source, database: str, names: tuple[str, ...], _origin: SourceSettings
) -> tuple[RecordSource, ...]:
    """Return records without their files."""
    return tuple(RecordSource(database, "", name) for name in names or source.names(database))


@contextmanager
def _silent() -> Iterator[None]:
    """Hold warnings back."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(before)
