"""Records of published databases, from PhysioNet or any mirror of it, verified as they come."""

from __future__ import annotations

import json
import re
import shutil
import threading
import warnings
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from ecgmodel.errors import MissingFileError, PassingSourceError, RecordError
from ecgmodel.sources._cutting import cut_annotations, write_cut_header
from ecgmodel.sources.base import RecordSource, choose, fetch_info, file_info
from ecgmodel.sources.transport import Transport, open_transport
from ecgmodel.store import digest, file_sha256, write_text
from ecgmodel.support import plugins
from ecgmodel.wfdb.layout import Cut, Header, check_segment, check_size, check_sizes, read_header

PHYSIONET = "https://physionet.org/files"
SUMS = "SHA256SUMS.txt"

# The files without which there is no record; the others that a listing names are annotations.
_ESSENTIAL = (".hea", ".dat")

# Inside the record's folder while it is being fetched: the files as published.
_WORK = ".published"


# One writer at a time for what a mirror listed.
_LISTING_LOCK = threading.Lock()


class PhysioNetSource:
    """PhysioNet or a mirror of it, laid out as `<base_url>/<database>/<version>/<files>`.

    Args:
        base_url: https://, http://, file:// or a folder.
        listings: Folder that keeps what a mirror listed, for when it does not answer.
        timeout_s: How long to wait for a connection and for the next piece of an answer, s.

    Example:
        >>> source = PhysioNetSource("https://physionet.org/files", Path("store/listings"))
        >>> record = source.records("mitdb", ("100",))[0]
        >>> source.fetch(record, Path("mitdb-100"), start_s=0, seconds=60, whole=False)
    """

    def __init__(
        self, base_url: str = PHYSIONET, listings: Path = Path("listings"), timeout_s: float = 30.0
    ) -> None:
        self._transport = open_transport(base_url, timeout_s)
        self._listings = Path(listings)

    def names(self, database: str) -> tuple[str, ...]:
        """Return the names of all records that the mirror holds; see `Source.names`."""
        return tuple(record.name for record in self.records(database))

    def records(self, database: str, names: tuple[str, ...] = ()) -> tuple[RecordSource, ...]:
        """Return the records that the mirror holds, or only the named ones.

        Two small files are read: RECORDS says what there is, SHA256SUMS.txt how it hashes. When
        the mirror does not answer, what it listed last is taken, with a warning.

        Raises:
            UnknownNameError: The database is not known, or the mirror lists no such record.
            PassingSourceError: The mirror does not answer, and never did.
            SourceError: The mirror refuses.
            MissingFileError: The mirror does not hold the database.
        """
        known = plugins.load("databases", database, "database").DATABASE
        listing = self._listing(database, known.version)
        sums = _parse_sums(listing["sums"])
        lines = (line.strip() for line in listing["records"].splitlines())
        records = []
        for name in dict.fromkeys(line for line in lines if line):
            files = _listed_files(name, known.annotators, sums)
            certain = all(published for file, published in files if file.endswith(_ESSENTIAL))
            origin = "" if certain else self._transport.where
            try:
                records.append(RecordSource(database, known.version, name, files, origin))
            except RecordError as error:
                warnings.warn(f"Left out of {database}: {error}", stacklevel=2)
        return choose(records, names, database)

    def fetch(
        self, record: RecordSource, into: Path, start_s: float, seconds: float, whole: bool
    ) -> dict[str, Any]:
        """Write a record's files, or a cut of them; see `Source.fetch`.

        A record that is longer than what is wanted is cut, where its format lets a cut be fetched
        by its byte range and the mirror serves ranges. Otherwise its whole files are fetched.

        Raises:
            PassingSourceError: The mirror does not answer, the body was cut off, or a hash is
                wrong.
            SourceError: The mirror refuses.
            MissingFileError: The mirror does not hold the header or a signal file.
            RecordError: Header and data disagree, or the record ends before `start_s`.
        """
        work = into / _WORK
        work.mkdir(parents=True, exist_ok=True)
        sums = dict(record.files)
        if kept := _read_listing(self._kept(record.database, record.version)):
            sums = _parse_sums(kept["sums"]) | sums
        try:
            info = _Fetch(self._transport, record, sums, into, work).run(start_s, seconds, whole)
        except RecordError:
            shutil.rmtree(work)  # a corrected record must not meet what is left of the bad one
            raise
        shutil.rmtree(work)
        return info

    def _listing(self, database: str, version: str) -> dict[str, str]:
        """Return the text of RECORDS and SHA256SUMS.txt, now or as they were last seen."""
        kept = self._kept(database, version)
        try:
            records = self._transport.read(f"{database}/{version}/RECORDS")
            listing = {"records": _decoded(records), "sums": self._sums(database, version)}
        except PassingSourceError as error:
            if (stored := _read_listing(kept)) is None:
                raise
            warnings.warn(f"{error} The listing kept in {kept} is used instead.", stacklevel=3)
            return stored
        with _LISTING_LOCK:
            if _read_listing(kept) != listing:
                kept.parent.mkdir(parents=True, exist_ok=True)
                write_text(kept, json.dumps(listing))
        return listing

    def _sums(self, database: str, version: str) -> str:
        try:
            return _decoded(self._transport.read(f"{database}/{version}/{SUMS}"))
        except MissingFileError as error:
            warnings.warn(f"{error} Nothing of {database} can be verified.", stacklevel=4)
            return ""

    def _kept(self, database: str, version: str) -> Path:
        return self._listings / f"{database}-{version}-{digest(self._transport.where)[:12]}.json"


class _Fetch:
    """The fetching of one record.

    Args:
        transport: Reads the mirror.
        record: What to fetch.
        sums: Published hashes, by file name relative to the database's folder.
        into: The record's folder.
        work: Folder inside it for the files as published.
    """

    def __init__(
        self,
        transport: Transport,
        record: RecordSource,
        sums: dict[str, str | None],
        into: Path,
        work: Path,
    ) -> None:
        self.transport, self.record, self.sums = transport, record, sums
        self.into, self.work = into, work
        names = (PurePosixPath(name).name for name, _ in record.files)
        self.annotations = [name for name in names if not name.endswith(_ESSENTIAL)]

    def run(self, start_s: float, seconds: float, whole: bool) -> dict[str, Any]:
        """Fetch the record's files or a cut of them, and return what is to be reported."""
        header = read_header(self.take(f"{self.record.base_name}.hea"), self.record.name)
        header.check_start(start_s, header.length)
        cut = None if whole else header.cut(start_s, seconds)
        spans = self._take_ranges(header, cut) if cut else None
        if cut and spans:
            return self._finish_cut(header, cut, spans)
        return self._finish_whole(header, start_s)

    def take(self, name: str) -> Path:
        """Return a whole file as published, fetched unless it is there, and verified."""
        path, published = self.work / name, self._published(name)
        if path.is_file() and published in (None, file_sha256(path)):
            return path
        self.transport.download(self._remote(name), path)
        if published and (found := file_sha256(path)) != published:
            path.unlink()
            raise PassingSourceError(
                f"{self.transport.where}/{self._remote(name)} hashes to {found}, expected "
                f"{published} by {SUMS}. Try again later, or use another mirror."
            )
        return path

    def _take_ranges(self, header: Header, cut: Cut) -> dict[str, tuple[int, int]] | None:
        """Fetch a cut's bytes of each signal file; None if the mirror sent a whole file instead."""
        spans = {}
        for file in header.files:
            first, last = spans[file.name] = file.span(cut.first, cut.end)
            path = self._range_path(file.name, (first, last))
            if path.is_file():
                continue
            received = self.transport.download(
                self._remote(file.name), path, first, last, partial(check_size, header, file)
            )
            if (received.first, received.last) != (first, last):
                path.replace(self.work / file.name)
                return None
        return spans

    def _take_annotations(self) -> tuple[list[str], list[str]]:
        """Fetch the annotation files, and return the names of those there and those missing."""
        there, missing = [], []
        for name in self.annotations:
            try:
                self.take(name)
                there.append(name)
            except MissingFileError:
                missing.append(name)
        return there, missing

    def _take_signals(self, header: Header) -> tuple[list[str], int | None]:
        """Fetch a header's whole signal files and segments; return all names and the length."""
        names = [header.path.name, *(file.name for file in header.files)]
        for file in header.files:
            self.take(file.name)
        length = check_sizes(header, self.work)
        for segment in header.segments:
            inner = read_header(self.take(f"{segment}.hea"), self.record.name)
            check_segment(header, inner)
            names += self._take_signals(inner)[0]
        return names, length

    def _finish_whole(self, header: Header, start_s: float) -> dict[str, Any]:
        names, length = self._take_signals(header)
        header.check_start(start_s, length)
        there, missing = self._take_annotations()
        files = {}
        for name in [*names, *there]:
            (self.work / name).replace(self.into / name)
            files[name] = file_info(self.into / name, self._published(name) is not None)
        return fetch_info(self.record, files, missing=missing)

    def _finish_cut(
        self, header: Header, cut: Cut, spans: dict[str, tuple[int, int]]
    ) -> dict[str, Any]:
        there, missing = self._take_annotations()
        for name in there:
            marks = cut_annotations((self.work / name).read_bytes(), header, cut, name)
            (self.into / name).write_bytes(marks)
        for name, span in spans.items():
            self._range_path(name, span).replace(self.into / name)
        write_cut_header(header, cut, self.into)
        files = {
            name: file_info(self.into / name, self._published(name) is not None)
            for name in [header.path.name, *there]
        }
        files |= {name: file_info(self.into / name, False, span) for name, span in spans.items()}
        return fetch_info(self.record, files, cut.first / header.fs, True, missing)

    def _remote(self, name: str) -> str:
        return f"{self.record.database}/{self.record.version}/{self.record.sibling(name)}"

    def _published(self, name: str) -> str | None:
        return self.sums.get(self.record.sibling(name))

    def _range_path(self, name: str, span: tuple[int, int]) -> Path:
        return self.work / f"{name}.{span[0]}-{span[1]}"


def _listed_files(
    name: str, annotators: tuple[str, ...], sums: dict[str, str | None]
) -> tuple[tuple[str, str | None], ...]:
    """Return the files that a record can be expected to have, and their published hashes."""
    signals = [f"{name}.dat"]
    if sums and signals[0] not in sums:
        several = [s for s in sums if s.startswith(f"{name}_") and s.endswith(".dat")]
        signals = sorted(several) or signals
    annotations = [f"{name}.{annotator}" for annotator in annotators]
    return tuple((file, sums.get(file)) for file in [f"{name}.hea", *signals, *annotations])


def _parse_sums(text: str) -> dict[str, str | None]:
    """Return the hashes of SHA256SUMS.txt by file name."""
    found = re.findall(r"^([0-9a-fA-F]{64})[ \t]+\*?(?:\./)?(.+?)\s*$", text, re.MULTILINE)
    return {name: published.lower() for published, name in found}


def _read_listing(path: Path) -> dict[str, str] | None:
    try:
        listing = json.loads(path.read_text(encoding="utf-8"))
        return {name: str(listing[name]) for name in ("records", "sums")}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace")
