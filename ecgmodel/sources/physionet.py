"""Records of published databases, from PhysioNet or a mirror, verified by their hashes."""

from __future__ import annotations

import json
import re
import shutil
import threading
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from ecgmodel.errors import MissingFileError, RecordError, TransientSourceError
from ecgmodel.sources._cutting import cut_annotations, write_cut_header
from ecgmodel.sources._known import KnownFiles
from ecgmodel.sources._partial_file import Received
from ecgmodel.sources.base import (
    CUT_FROM_HASHED,
    HASHED,
    TWICE,
    RecordSource,
    choose,
    fetch_info,
    file_info,
)
from ecgmodel.sources.transport import (
    COPIES,
    FolderTransport,
    Transport,
    never_twice,
    open_transport,
)
from ecgmodel.store import digest, file_sha256, write_text
from ecgmodel.support import plugins
from ecgmodel.wfdb.layout import Cut, Header, check_segment, check_size, check_sizes, read_header

PHYSIONET = "https://physionet.org/files"
SUMS = "SHA256SUMS.txt"

# Suffixes of required files; the other listed files are annotations.
_ESSENTIAL = (".hea", ".dat")

Check = Callable[[int], None]

# Subfolder for the unmodified files while a record is fetched.
_WORK = ".published"


# Serialises writing of the stored listings.
_LISTING_LOCK = threading.Lock()


class PhysioNetSource:
    """PhysioNet or a mirror of it, laid out as `<base_url>/<database>/<version>/<files>`.

    Args:
        base_url: https://, http://, file:// or a folder.
        listings: Folder that stores the mirror's last listings, used when it is unreachable.
        timeout_s: Timeout of a connection and of each read, s.
        downloads: Folder of downloads whose files are not fetched again.

    Example:
        >>> source = PhysioNetSource("https://physionet.org/files", Path("store/listings"))
        >>> record = source.records("mitdb", ("100",))[0]
        >>> source.fetch(record, Path("mitdb-100"), start_s=0, seconds=60, whole=False)
    """

    def __init__(
        self,
        base_url: str = PHYSIONET,
        listings: Path = Path("listings"),
        timeout_s: float = 30.0,
        downloads: Path | None = None,
    ) -> None:
        self._transport = open_transport(base_url, timeout_s)
        self._known = KnownFiles(downloads)
        self._listings = Path(listings)

    def names(self, database: str) -> tuple[str, ...]:
        """Return the names of all records of the mirror; see `Source.names`."""
        return tuple(record.name for record in self.records(database))

    def records(self, database: str, names: tuple[str, ...] = ()) -> tuple[RecordSource, ...]:
        """Return the records of the mirror, or only the named ones.

        Two small files are read: RECORDS lists the records, SHA256SUMS.txt their hashes. If the
        mirror is unreachable, its last listing is used, with a warning.

        Raises:
            UnknownNameError: The database is unknown, or the mirror lists no such record.
            TransientSourceError: The mirror is unreachable and no listing is stored.
            SourceError: The mirror refuses access.
            MissingFileError: The mirror does not have the database.
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
                warnings.warn(f"A record of {database} is left out: {error}", stacklevel=2)
        return choose(records, names, database)

    def fetch(
        self, record: RecordSource, into: Path, start_s: float, seconds: float, whole: bool
    ) -> dict[str, Any]:
        """Write a record's files, or a cut of them; see `Source.fetch`.

        A record longer than the requested range is cut, if its format allows to fetch the range by
        bytes and the mirror supports range requests. Otherwise whole files are fetched.

        Raises:
            TransientSourceError: The mirror is unreachable, a body was truncated, or a hash is
                wrong.
            SourceError: The mirror refuses access.
            MissingFileError: The mirror does not have the header or a signal file.
            RecordError: Header and data disagree, or the record ends before `start_s`.
        """
        work = into / _WORK
        work.mkdir(parents=True, exist_ok=True)
        sums = dict(record.files)
        if kept := _read_listing(self._kept(record.database, record.version)):
            sums = _parse_sums(kept["sums"]) | sums
        try:
            fetch = _Fetch(self._transport, record, sums, into, work, self._known)
            info = fetch.run(start_s, seconds, whole)
        except RecordError:
            shutil.rmtree(work)  # a corrected record must not reuse files of the bad one
            raise
        shutil.rmtree(work)
        return info

    def _listing(self, database: str, version: str) -> dict[str, str]:
        """Return the text of RECORDS and SHA256SUMS.txt, from the mirror or the last listing."""
        kept = self._kept(database, version)
        try:
            records = self._text(f"{database}/{version}/RECORDS", lambda text: "<" not in text)
            listing = {"records": records, "sums": self._sums(database, version)}
        except TransientSourceError as error:
            if (stored := _read_listing(kept)) is None:
                raise
            warnings.warn(f"{error} The last listing, {kept}, is used instead.", stacklevel=3)
            return stored
        with _LISTING_LOCK:
            if _read_listing(kept) != listing:
                kept.parent.mkdir(parents=True, exist_ok=True)
                write_text(kept, json.dumps(listing))
        return listing

    def _sums(self, database: str, version: str) -> str:
        try:
            return self._text(f"{database}/{version}/{SUMS}", _parse_sums)
        except MissingFileError as error:
            warnings.warn(f"{error} Files of {database} cannot be verified.", stacklevel=4)
            return ""

    def _text(self, path: str, is_list: Callable[[str], object]) -> str:
        text = self._transport.read(path).decode("utf-8", "replace")
        if text.strip() and not is_list(text):
            raise TransientSourceError(
                f"{self._transport.where}/{path} is no list, but {text.strip()[:40]!r}: perhaps "
                "the page on which a network asks to sign in. Sign in, or try again later."
            )
        return text

    def _kept(self, database: str, version: str) -> Path:
        return self._listings / f"{database}-{version}-{digest(self._transport.where)[:12]}.json"


class _Fetch:
    """Fetches one record.

    Args:
        transport: The mirror's transport.
        record: The record.
        sums: Published hashes, by file name relative to the database's folder.
        into: The record's folder.
        work: Subfolder for the unmodified files.
        known: Files that are there already.
    """

    def __init__(
        self,
        transport: Transport,
        record: RecordSource,
        sums: dict[str, str | None],
        into: Path,
        work: Path,
        known: KnownFiles,
    ) -> None:
        self.transport, self.record, self.sums = transport, record, sums
        self.into, self.work, self.known = into, work, known
        names = (PurePosixPath(name).name for name, _ in record.files)
        self.annotations = [name for name in names if not name.endswith(_ESSENTIAL)]

    def run(self, start_s: float, seconds: float, whole: bool) -> dict[str, Any]:
        """Fetch the record's files or a cut of them, and return the facts about the fetch."""
        header = read_header(self.take(f"{self.record.base_name}.hea"), self.record.name)
        header.check_start(start_s, header.length)
        cut = None if whole else header.cut(start_s, seconds)
        spans = self._take_ranges(header, cut) if cut else None
        if cut and spans:
            return self._finish_cut(header, cut, spans)
        return self._finish_whole(header, start_s)

    def take(self, name: str) -> Path:
        """Return a whole verified file, downloaded if necessary."""
        path, published = self.work / name, self._published(name)
        if path.is_file() and published in (None, file_sha256(path)):
            return path
        path.unlink(missing_ok=True)
        if published and self.known.take(published, path):
            return path
        self._receive(name, path, 0, None, None)
        self._verify(name, path)
        return path

    def _verify(self, name: str, path: Path) -> None:
        """Compare a whole file with its published hash, and delete it if it is another one."""
        published = self._published(name)
        if published and (found := file_sha256(path)) != published:
            if path.is_relative_to(self.work):
                path.unlink()
            raise TransientSourceError(
                f"{self.transport.where}/{self._remote(name)} has the sha256 {found}, expected "
                f"{published} from {SUMS}. Try again later, or use another mirror."
            )

    def _receive(
        self, name: str, path: Path, first: int, last: int | None, check: Check | None
    ) -> Received:
        """Download a file or a range; where nothing vouches for the bytes, until it came twice.

        Only then it gets its name: after a kill, a file that came once is no finished one. The
        hashes seen are kept beside it, so that a later attempt goes on from them.
        """
        remote = self._remote(name)
        self._note(path, self.transport.sure or TWICE)
        if self.transport.sure or (last is None and self._published(name)):
            return self.transport.download(remote, path, first, last, check)
        copy, seen_path = (path.with_name(f"{path.name}.{end}") for end in ("copy", "seen"))
        seen = set(seen_path.read_text().split()) if seen_path.is_file() else set()
        for _ in range(COPIES):
            received = self.transport.download(remote, copy, first, last, check)
            found = file_sha256(copy)
            if found in seen or (received.whole and self._published(name)):
                copy.replace(path)
                seen_path.unlink(missing_ok=True)
                return received
            seen.add(found)
            write_text(seen_path, "\n".join(sorted(seen)))
        raise never_twice(f"{self.transport.where}/{remote}", len(seen))

    def _take_ranges(self, header: Header, cut: Cut) -> dict[str, tuple[int, int]] | None:
        """Fetch the byte range of each signal file; None if the mirror sent a whole file."""
        spans = {}
        for file in header.files:
            first, last = spans[file.name] = file.span(cut.first, cut.end)
            path = self._range_path(file.name, (first, last))
            if path.is_file():
                continue
            check = partial(check_size, header, file)
            if whole := self._whole_here(file.name):
                self._note(path, CUT_FROM_HASHED)
                here = FolderTransport(whole.parent)
                received = here.download(whole.name, path, first, last, check)
            else:
                received = self._receive(file.name, path, first, last, check)
            if (received.first, received.last) != (first, last):
                path.replace(self.work / file.name)
                return None
        return spans

    def _whole_here(self, name: str) -> Path | None:
        """Return a whole file with the published hash, from the store or a mirror in a folder."""
        published = self._published(name)
        if published is None:
            return None
        if isinstance(self.transport, FolderTransport):
            path = self.transport.root / self._remote(name)
            if path.is_file():
                self._verify(name, path)
                return path
        return self.known.find(published)

    def _note(self, path: Path, checked: str) -> None:
        """Keep how a range is known, for an attempt that goes on after an interruption."""
        write_text(path.with_name(f"{path.name}.checked"), checked)

    def _noted(self, path: Path) -> str:
        return path.with_name(f"{path.name}.checked").read_text()

    def _take_annotations(self) -> tuple[list[str], list[str]]:
        """Fetch the annotation files, and return the names of those found and those missing."""
        found, missing = [], []
        for name in self.annotations:
            try:
                self.take(name)
                found.append(name)
            except MissingFileError:
                missing.append(name)
        return found, missing

    def _take_signals(self, header: Header) -> tuple[list[str], int | None]:
        """Fetch a header's signal files and segments; return all file names and the length."""
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
        found, missing = self._take_annotations()
        files = {}
        for name in [*names, *found]:
            (self.work / name).replace(self.into / name)
            files[name] = file_info(self.into / name, self._published(name) is not None)
            if self._published(name):
                self.known.compare(self.record.database, self.record.name, self.into / name)
        return fetch_info(self.record, files, missing=missing, checked=self._checked(files))

    def _finish_cut(
        self, header: Header, cut: Cut, spans: dict[str, tuple[int, int]]
    ) -> dict[str, Any]:
        found, missing = self._take_annotations()
        for name in found:
            annotations = cut_annotations((self.work / name).read_bytes(), header, cut, name)
            (self.into / name).write_bytes(annotations)
        for name, span in spans.items():
            self._range_path(name, span).replace(self.into / name)
        write_cut_header(header, cut, self.into)
        files = {
            name: file_info(self.into / name, self._published(name) is not None)
            for name in [header.path.name, *found]
        }
        checked = self._checked(files)
        for name, span in spans.items():
            files[name] = file_info(self.into / name, False, span)
            checked[name] = self._noted(self._range_path(name, span))
        return fetch_info(self.record, files, cut.first / header.fs, True, missing, checked)

    def _remote(self, name: str) -> str:
        return f"{self.record.database}/{self.record.version}/{self.record.sibling(name)}"

    def _checked(self, names: Iterable[str]) -> dict[str, str]:
        """Return how whole files are known to be the published ones."""
        unpublished = self.transport.sure or TWICE
        return {name: HASHED if self._published(name) else unpublished for name in names}

    def _published(self, name: str) -> str | None:
        return self.sums.get(self.record.sibling(name))

    def _range_path(self, name: str, span: tuple[int, int]) -> Path:
        return self.work / f"{name}.{span[0]}-{span[1]}"


def _listed_files(
    name: str, annotators: tuple[str, ...], sums: dict[str, str | None]
) -> tuple[tuple[str, str | None], ...]:
    """Return the expected files of a record, with their published hashes."""
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
