"""What every source of recordings offers: a listing of records, and one record's files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from ecgmodel.errors import unknown_name
from ecgmodel.store import file_sha256
from ecgmodel.wfdb.names import safe_name


@dataclass(frozen=True)
class RecordSource:
    """A record as its source lists it: all that decides its bytes, before anything is fetched.

    Attributes:
        database: The database, e.g. "mitdb".
        version: The database's version folder, e.g. "1.0.0"; "" where there is none.
        name: The record, e.g. "100"; may lie in a folder of the database, e.g. "p01/100".
        files: File name relative to the database's folder and its published sha256, None where
            none is published. Annotation files that are named here may turn out not to be there.
        origin: The mirror that the bytes come from, where no published hash says what they are.

    Raises:
        RecordError: The name tries to leave the database's folder.
    """

    database: str
    version: str
    name: str
    files: tuple[tuple[str, str | None], ...] = ()
    origin: str = ""

    def __post_init__(self) -> None:
        safe_name(self.name)

    @property
    def base_name(self) -> str:
        """The record's name without its folder: the stem of its files."""
        return PurePosixPath(self.name).name

    def sibling(self, file_name: str) -> str:
        """Return the path, relative to the database's folder, of a file beside the record."""
        return str(PurePosixPath(self.name).with_name(file_name))

    def settings(self) -> dict[str, Any]:
        """Return, as JSON-able values, what decides the record's bytes."""
        settings: dict[str, Any] = {
            "database": self.database,
            "version": self.version,
            "name": self.name,
            "files": [list(pair) for pair in self.files],
        }
        return settings | ({"origin": self.origin} if self.origin else {})


class Source(Protocol):
    """A place where records come from."""

    def names(self, database: str) -> tuple[str, ...]:
        """Return the names of all records of a database, in the source's order.

        Raises:
            UnknownNameError: The database does not exist here.
        """

    def records(self, database: str, names: tuple[str, ...] = ()) -> tuple[RecordSource, ...]:
        """Return the records of a database, or only the named ones, in the source's order.

        Raises:
            UnknownNameError: The database or a named record does not exist here.
        """

    def fetch(
        self, record: RecordSource, into: Path, start_s: float, seconds: float, whole: bool
    ) -> dict[str, Any]:
        """Write a record's WFDB files into a folder of its own.

        Args:
            record: What to fetch.
            into: The folder; what an earlier broken fetch of this record left there is gone on
                with.
            start_s: Where the wanted stretch starts, s.
            seconds: How long it is, s. What the record does not hold is not there.
            whole: Fetch whole files even where a part would do.

        Returns:
            JSON-able facts, see `fetch_info`.

        Raises:
            PassingSourceError: It may work when tried again; what was received is kept.
            SourceError: The source does not give what it lists.
            RecordError: The record cannot be used.
        """


def fetch_info(
    record: RecordSource,
    files: dict[str, dict[str, Any]],
    start_s: float = 0.0,
    partial: bool = False,
    missing: Iterable[str] = (),
) -> dict[str, Any]:
    """Return what a fetch reports.

    Args:
        record: What was fetched.
        files: File name to what `file_info` says of it.
        start_s: Time in the original record at which the files begin, s.
        partial: Whether the files are a cut of the record.
        missing: Annotation files that the source does not hold.

    Returns:
        "record", "database", "version", "header" (the stem of the record's files in the folder),
        "partial", "start_s", "files" and "missing".
    """
    return {
        "record": record.name,
        "database": record.database,
        "version": record.version,
        "header": record.base_name,
        "partial": partial,
        "start_s": start_s,
        "files": files,
        "missing": sorted(missing),
    }


def file_info(path: Path, verified: bool, span: tuple[int, int] | None = None) -> dict[str, Any]:
    """Return what a fetch reports of one file.

    Args:
        path: The file as it lies in the record's folder.
        verified: Whether the bytes that it was made from matched a published hash.
        span: First and last byte in the source's file, where only a range was fetched.
    """
    return {
        "sha256": file_sha256(path),
        "bytes": path.stat().st_size,
        "verified": verified,
        "range": list(span) if span else None,
    }


def choose(
    records: Iterable[RecordSource], names: tuple[str, ...], database: str
) -> tuple[RecordSource, ...]:
    """Return the named records of a listing, all of them if no name is given.

    Raises:
        RecordError: A name tries to leave the folder.
        UnknownNameError: A name is not listed; the message gives the nearest ones.
    """
    listed = {record.name: record for record in records}
    for name in names:
        if safe_name(name) not in listed:
            raise unknown_name(f"record of {database}", name, listed)
    return tuple(r for r in listed.values() if not names or r.name in names)
