"""The interface of a source: it lists records, and fetches one record's files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, runtime_checkable

from ecgmodel.errors import unknown_name
from ecgmodel.store import file_sha256
from ecgmodel.wfdb.names import safe_name

HASHED = "published sha256"
CUT_FROM_HASHED = "cut from a file with the published sha256"
BY_TLS = "TLS"
TWICE = "fetched twice, equal"
COPIED = "copied; no published hash"
"""How bytes are known to be the published ones."""


@dataclass(frozen=True)
class RecordSource:
    """A record as listed by its source, with everything that determines its bytes.

    Attributes:
        database: The database, e.g. "mitdb".
        version: The database's version folder, e.g. "1.0.0"; "" without one.
        name: The record, e.g. "100", or with a subfolder, e.g. "p01/100".
        files: File names relative to the database's folder, with their published sha256, None if
            there is none. Listed annotation files may be missing.
        origin: The mirror, for files without a published hash.

    Raises:
        RecordError: The name points outside the database's folder.
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
        """Return the path of a file in the record's folder, relative to the database's folder."""
        return str(PurePosixPath(self.name).with_name(file_name))

    def settings(self) -> dict[str, Any]:
        """Return the values that determine the record's bytes, JSON-serialisable."""
        settings: dict[str, Any] = {
            "database": self.database,
            "version": self.version,
            "name": self.name,
            "files": [list(pair) for pair in self.files],
        }
        return settings | ({"origin": self.origin} if self.origin else {})


class Source(Protocol):
    """A source of records."""

    def names(self, database: str) -> tuple[str, ...]:
        """Return the names of all records of a database, in the source's order.

        Raises:
            UnknownNameError: The source does not have the database.
        """

    def records(self, database: str, names: tuple[str, ...] = ()) -> tuple[RecordSource, ...]:
        """Return the records of a database, or only the named ones, in the source's order.

        Raises:
            UnknownNameError: The source does not have the database or a named record.
        """

    def fetch(
        self, record: RecordSource, into: Path, start_s: float, seconds: float, whole: bool
    ) -> dict[str, Any]:
        """Write a record's WFDB files into its own folder.

        Args:
            record: The record.
            into: The folder; files of an earlier interrupted fetch are continued.
            start_s: Start of the requested time range, s.
            seconds: Length of the range, s; it is trimmed to the record's end.
            whole: Fetch whole files even if a part is enough.

        Returns:
            Facts about the fetch, JSON-serialisable; see `fetch_info`.

        Raises:
            TransientSourceError: A temporary failure; received bytes are kept for a retry.
            SourceError: The source does not deliver a listed file.
            RecordError: The record cannot be used.
        """


@runtime_checkable
class ConvertingSource(Protocol):
    """A source that converts recordings of other formats to WFDB."""

    def conversion(self, record: RecordSource) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Return what shapes a converted record, settings and code; None if it is copied."""


def fetch_info(
    record: RecordSource,
    files: dict[str, dict[str, Any]],
    start_s: float = 0.0,
    partial: bool = False,
    missing: Iterable[str] = (),
    checked: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the facts about a fetch.

    Args:
        record: The fetched record.
        files: File name to the result of `file_info`.
        start_s: Start of the files in the original record, s.
        partial: Whether the files are a cut of the record.
        missing: Annotation files that the source does not have.
        checked: How each file's bytes are known to be the published ones, e.g. `HASHED`.

    Returns:
        "record", "database", "version", "header" (the stem of the record's files in the folder),
        "partial", "start_s", "files", "missing" and "checked".
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
        "checked": dict(checked or {}),
    }


def file_info(path: Path, verified: bool, span: tuple[int, int] | None = None) -> dict[str, Any]:
    """Return the facts about one fetched file.

    Args:
        path: The file in the record's folder.
        verified: Whether the downloaded bytes matched a published hash.
        span: First and last byte in the source's file, if only a range was fetched.
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
    """Return the named records of a listing, or all records if no name is given.

    Raises:
        RecordError: A name points outside the folder.
        UnknownNameError: A name is not listed; the message lists the nearest names.
    """
    listed = {record.name: record for record in records}
    for name in names:
        if safe_name(name) not in listed:
            raise unknown_name(f"record of {database}", name, listed)
    return tuple(r for r in listed.values() if not names or r.name in names)
