"""Check of record and subject names in the settings against the listings of the sources.

The check needs no downloads.
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
"""Database to the names of its listed records."""


def choose_names(wanted: Sequence[str], listed: Listing) -> dict[str, tuple[str, ...]]:
    """Return the records named by `source.records`, by database; all records if it is empty.

    A name is a record ("100") or a database and a record ("mitdb/100").

    Raises:
        RecordError: A name points outside its folder.
        UnknownNameError: No source lists the record; the message lists the nearest names.
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
            raise _unlisted(f"source.records names the record {name!r}", name, known, listed)
        for database, record in found:
            chosen[database][record] = None
    if not wanted:
        return {database: tuple(records) for database, records in listed.items()}
    return {
        database: tuple(r for r in listed[database] if r in chosen[database]) for database in listed
    }


def check_split_names(split: SplitSettings, listed: Listing) -> None:
    """Check that all names in `split.*` are listed by the sources.

    Names from databases outside this run are only logged, since one settings file may serve several
    sources.

    Raises:
        UnknownNameError: A name is not listed; the message gives the nearest names or the subject.
    """
    subjects = {
        f"{database}/{name}": subject_of(database, name, split)
        for database, names in listed.items()
        for name in names
    }
    for record in split.subjects:
        if record not in subjects and not _is_elsewhere(record, listed, "split.subjects"):
            what = f"split.subjects names the record {record!r}"
            raise _unlisted(what, record, subjects, listed)
    for part in SPLITS:
        for name in getattr(split, part):
            if name in subjects.values() or _is_elsewhere(name, listed, f"split.{part}"):
                continue
            if name in subjects:
                raise UnknownNameError(
                    f"split.{part} names the record {name!r}. Name its subject, "
                    f"{subjects[name]!r}: all records of a subject are in one split."
                )
            what = f"split.{part} names the subject {name!r}"
            raise _unlisted(what, name, set(subjects.values()), listed)


def _is_elsewhere(name: str, listed: Listing, setting: str) -> bool:
    """Return whether a name belongs to a known database that is not used in this run."""
    database, slash, _ = name.partition("/")
    known = {*plugins.names("databases"), "own"}
    if not slash or database in listed or database not in known:
        return False
    logging.getLogger("ecg").warning(
        f"{setting} names {name}, which has no effect in this run: its recordings come from "
        f"{', '.join(listed)}."
    )
    return True


def _unlisted(what: str, name: str, known: Iterable[str], listed: Listing) -> UnknownNameError:
    known = sorted(set(known))
    same_end = [k for k in known if k.rpartition("/")[2] == name.rpartition("/")[2]]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    shown = list(dict.fromkeys([*same_end, *near]))[:3] or known[:8]
    return UnknownNameError(
        f"{what}, which does not exist in {', '.join(listed)}. Nearest: {', '.join(shown)}."
    )
