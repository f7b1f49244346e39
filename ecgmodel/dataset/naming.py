"""Names in settings against what the sources list: a name that means nobody is refused.

All of it is known from the listings, before anything is downloaded.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Mapping, Sequence

from ecgmodel.dataset.splits import SPLITS, SplitSettings, subject_of
from ecgmodel.errors import UnknownNameError
from ecgmodel.support import plugins
from ecgmodel.wfdb.names import safe_name

Listing = Mapping[str, Sequence[str]]
"""By database, the names of the records that its source lists."""


def choose_names(wanted: Sequence[str], listed: Listing) -> dict[str, tuple[str, ...]]:
    """Return by database the records that `source.records` names, all of them if it names none.

    A name is a record's ("100") or stands behind its database ("mitdb/100").

    Raises:
        RecordError: A name tries to leave its folder.
        UnknownNameError: No source lists a record of that name; the message gives the nearest.
    """
    chosen: dict[str, dict[str, None]] = {database: {} for database in listed}
    for name in wanted:
        safe_name(name)
        found = [
            (database, record)
            for database, records in listed.items()
            for record in records
            if name in (record, f"{database}/{record}")
        ]
        if not found:
            known = [record for records in listed.values() for record in records]
            raise _means_nothing(f"source.records names the record {name!r}", name, known, listed)
        for database, record in found:
            chosen[database][record] = None
    if not wanted:
        return {database: tuple(records) for database, records in listed.items()}
    return {
        database: tuple(r for r in listed[database] if r in chosen[database]) for database in listed
    }


def check_split_names(split: SplitSettings, listed: Listing) -> None:
    """Raise an error if a name in `split.*` means nobody whom the sources list.

    A name of a database that is no source of this run is left alone, and said: one file of
    settings may serve several sources.

    Raises:
        UnknownNameError: It does; the message gives the nearest name, or what to write instead.
    """
    subjects = {
        f"{database}/{name}": subject_of(database, name, split)
        for database, names in listed.items()
        for name in names
    }
    for record in split.subjects:
        if record not in subjects and not _is_elsewhere(record, listed, "split.subjects"):
            what = f"split.subjects names the record {record!r}"
            raise _means_nothing(what, record, subjects, listed)
    for part in SPLITS:
        for name in getattr(split, part):
            if name in subjects.values() or _is_elsewhere(name, listed, f"split.{part}"):
                continue
            if name in subjects:
                raise UnknownNameError(
                    f"split.{part} names {name!r}, a record of the subject {subjects[name]!r}. "
                    f"Name the subject: all of a person's records lie in one split."
                )
            what = f"split.{part} names the subject {name!r}"
            raise _means_nothing(what, name, set(subjects.values()), listed)


def _is_elsewhere(name: str, listed: Listing, setting: str) -> bool:
    """Return whether a name belongs to a known database that is no source of this run."""
    database, slash, _ = name.partition("/")
    known = {*plugins.names("databases"), "own"}
    if not slash or database in listed or database not in known:
        return False
    logging.getLogger("ecg").warning(
        f"{setting} names {name}, which means nobody in this run: its recordings come from "
        f"{', '.join(listed)}."
    )
    return True


def _means_nothing(what: str, name: str, known: Iterable[str], listed: Listing) -> UnknownNameError:
    known = sorted(set(known))
    same_end = [k for k in known if k.rpartition("/")[2] == name.rpartition("/")[2]]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    shown = list(dict.fromkeys([*same_end, *near]))[:3] or known[:8]
    return UnknownNameError(
        f"{what}, but there is none of that name in {', '.join(listed)}. "
        f"Nearest: {', '.join(shown)}."
    )
