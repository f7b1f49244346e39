"""The records that a run uses, by its settings and the listings of its sources."""

from __future__ import annotations

from collections.abc import Callable

from ecgmodel.dataset.mix_settings import MixSettings, noise_records
from ecgmodel.dataset.naming import check_split_names, choose_names
from ecgmodel.dataset.splits import SplitSettings, assign_splits, subject_of
from ecgmodel.errors import DatasetError
from ecgmodel.settings.config import SourceSettings
from ecgmodel.sources.base import RecordSource, Source
from ecgmodel.steps.data import open_source
from ecgmodel.store import Store


def noise_names(mix: MixSettings) -> tuple[str, ...]:
    """Return the noise recordings that the noise types of training and test need."""
    return noise_records((*mix.test.types, *mix.train.all_types))


def choose_records(
    origin: SourceSettings,
    split: SplitSettings,
    store: Store,
    names_of: Callable[[Source, str, SourceSettings], tuple[str, ...]],
    records_of: Callable[[Source, str, tuple[str, ...], SourceSettings], tuple[RecordSource, ...]],
) -> list[tuple[Source, RecordSource]]:
    """Return the selected records of clean ECG.

    Args:
        origin: Where they come from, and which of them.
        split: Subjects and splits that must exist.
        store: The store.
        names_of: Asks a source for the names of a database's records.
        records_of: Asks a source for records; without names, for all.

    Raises:
        UnknownNameError: The settings name a record or subject that no source lists.
        SplitError: There are too few subjects for three splits.
    """
    databases = origin.clean_databases
    sources = {name: open_source(origin, name, store) for name in databases}
    wanted = origin.records
    if wanted:  # names first: listing the records of a folder reads all files
        known = {n: names_of(s, n, origin) for n, s in sources.items()}
        chosen = choose_names(wanted, known)
        listed = [
            (sources[name], record)
            for name, names in chosen.items()
            if names
            for record in records_of(sources[name], name, names, origin)
        ]
    else:
        listed = [(s, r) for n, s in sources.items() for r in records_of(s, n, (), origin)]
        known = {n: tuple(r.name for _, r in listed if r.database == n) for n in databases}
    if not listed:
        raise DatasetError(f"The source lists no record of {', '.join(databases)}.")
    check_split_names(split, known)
    subjects = {subject_of(r.database, r.name, split) for _, r in listed}
    assign_splits(subjects, split)
    return listed


def names_once(source: Source, database: str, _origin: SourceSettings) -> tuple[str, ...]:
    """Ask a source for the names of a database's records, without retries."""
    return source.names(database)


def records_once(
    source: Source, database: str, names: tuple[str, ...], _origin: SourceSettings
) -> tuple[RecordSource, ...]:
    """Ask a source for records, without retries."""
    return source.records(database, names)
