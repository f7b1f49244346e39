"""A user's own recordings: any tree of WFDB records and files of other formats in a folder."""

from __future__ import annotations

import warnings
from pathlib import Path, PurePosixPath
from typing import Any

from ecgmodel.errors import MissingFileError, RecordError, SourceError
from ecgmodel.files import Hints, formats
from ecgmodel.sources._converting import conversion, convert, find_others, is_converted
from ecgmodel.sources.base import RecordSource, choose, fetch_info, file_info
from ecgmodel.sources.transport import FolderTransport
from ecgmodel.store import file_sha256
from ecgmodel.wfdb.layout import Header, check_segment, check_sizes, read_header
from ecgmodel.wfdb.names import ANNOTATORS


class FolderSource:
    """A folder of recordings; a record's name is its path in the folder, without suffix.

    WFDB records are copied, files of other formats are converted to WFDB; see
    `ecgmodel.sources._converting.find_others` for their names. The segments of a multi-segment
    record are not listed separately. Hidden files and folders, such as macOS's "._100.hea", are
    ignored.

    Args:
        path: The folder; subfolders are searched too.
        annotators: Suffixes of the annotation files to copy.
        hints: Information that files of other formats may lack.
    """

    def __init__(
        self,
        path: str | Path,
        annotators: tuple[str, ...] = ANNOTATORS,
        hints: Hints | None = None,
    ) -> None:
        self._transport = FolderTransport(path)
        self._annotators = annotators
        self._hints = hints or Hints()

    @property
    def path(self) -> Path:
        """The folder."""
        return self._transport.root

    def names(self, database: str = "folder") -> tuple[str, ...]:
        """Return the names of all records, sorted; see `Source.names`.

        Raises:
            MissingFileError: The folder does not exist, or contains no record.
        """
        return tuple(record.name for record in self._own(database))

    def records(
        self, database: str = "folder", names: tuple[str, ...] = ()
    ) -> tuple[RecordSource, ...]:
        """Return all records sorted by name, or only the named ones.

        The hashes are those of the current files, so an edited file changes the record. Unreadable
        records are listed too; fetching one raises the error.

        Raises:
            MissingFileError: The folder does not exist, or contains no record.
            UnknownNameError: A named record does not exist.
        """
        chosen = choose(self._own(database), names, database)
        return tuple(RecordSource(database, "", r.name, self._hashed(r)) for r in chosen)

    def _own(self, database: str) -> list[RecordSource]:
        """Return all records, without their files."""
        if not self.path.is_dir():
            raise MissingFileError(f"The folder {self.path} does not exist. Check source.path.")
        paths = {
            path.relative_to(self.path).with_suffix("").as_posix(): path
            for path in self.path.rglob("*.hea")
            if path.is_file() and not _is_hidden(path.relative_to(self.path))
        }
        headers = {name: _header_or_none(path, name) for name, path in paths.items()}
        segments = {
            str(PurePosixPath(name).with_name(segment))
            for name, header in headers.items()
            for segment in (header.segments if header else ())
        }
        listed: dict[str, tuple[tuple[str, None], ...]] = {n: () for n in set(paths) - segments}
        for name, path in find_others(self.path, paths).items():
            listed[name] = ((path.relative_to(self.path).as_posix(), None),)
        if not listed:
            raise MissingFileError(
                f"The folder {self.path} contains no recording. Expected WFDB records (.hea) or "
                f"files of these formats: {', '.join(formats())}. Check source.path."
            )
        own = (_record_or_none(database, name, listed[name]) for name in sorted(listed))
        return [record for record in own if record]

    def conversion(self, record: RecordSource) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Return what shapes a converted record, settings and code; None for a WFDB record."""
        if not is_converted(record):
            return None
        return conversion(self.path / record.files[0][0], self._hints)

    def fetch(
        self, record: RecordSource, into: Path, start_s: float, seconds: float, whole: bool
    ) -> dict[str, Any]:
        """Copy a record's whole files into one folder, or convert it; see `Source.fetch`.

        Raises:
            SourceError: A file changed after it was listed.
            MissingFileError: A file of the record is missing.
            RecordError: Header and data disagree, or the record ends before `start_s`.
        """
        if is_converted(record):
            return self._converted(record, into, start_s, None if whole else seconds)
        names, length = self._checked(record)
        read_header(self._path(record, names[0]), record.name).check_start(start_s, length)
        names += self._annotations(record)
        listed = dict(record.files)
        into.mkdir(parents=True, exist_ok=True)
        files = {}
        for name in names:
            relative, target = record.sibling(name), into / name
            if not target.is_file() or file_sha256(target) != listed.get(relative):
                self._transport.download(relative, target)
            files[name] = file_info(target, verified=True)
            if files[name]["sha256"] != listed.get(relative):
                target.unlink()
                raise self._changed(relative)
        return fetch_info(record, files)

    def _converted(
        self, record: RecordSource, into: Path, start_s: float, seconds: float | None
    ) -> dict[str, Any]:
        ((relative, listed),) = record.files
        path = self.path / relative
        written, begin = convert(path, into, self._hints, start_s, seconds)
        if file_sha256(path) != listed:
            raise self._changed(relative)
        files = {file.name: file_info(file, verified=False) for file in written}
        info = fetch_info(record, files, begin, partial=seconds is not None)
        return info | {"header": written[0].stem}

    def _changed(self, relative: str) -> SourceError:
        return SourceError(
            f"{self.path / relative} changed after it was listed. Run the same command again."
        )

    def _hashed(self, record: RecordSource) -> tuple[tuple[str, str | None], ...]:
        """Return the record's files with their sha256, None for a missing file."""
        if record.files:
            return tuple((name, file_sha256(self.path / name)) for name, _ in record.files)
        try:
            headers = self._headers(record)
            signals = [file.name for header in headers for file in header.files]
            names = [*(header.path.name for header in headers), *signals]
        except RecordError:
            names = [f"{record.base_name}.hea", f"{record.base_name}.dat"]
        paths = {n: self._path(record, n) for n in [*names, *self._annotations(record)]}
        return tuple(
            (record.sibling(name), file_sha256(path) if path.is_file() else None)
            for name, path in paths.items()
        )

    def _checked(self, record: RecordSource) -> tuple[list[str], int | None]:
        """Return the names of a record's headers and signal files, and its length in frames."""
        names: list[str] = []
        lengths = []
        for header in self._headers(record):
            lengths.append(check_sizes(header, header.path.parent))
            names += [header.path.name, *(file.name for file in header.files)]
        return list(dict.fromkeys(names)), lengths[0]

    def _headers(self, record: RecordSource) -> list[Header]:
        """Return a record's header and those of its segments."""
        header = read_header(self._path(record, f"{record.base_name}.hea"), record.name)
        headers = [header]
        for segment in dict.fromkeys(header.segments):
            headers.append(read_header(self._path(record, f"{segment}.hea"), record.name))
            check_segment(header, headers[-1])
        return headers

    def _annotations(self, record: RecordSource) -> list[str]:
        names = (f"{record.base_name}.{annotator}" for annotator in self._annotators)
        return [name for name in names if self._path(record, name).is_file()]

    def _path(self, record: RecordSource, file_name: str) -> Path:
        return self.path / record.sibling(file_name)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _header_or_none(path: Path, name: str) -> Header | None:
    try:
        return read_header(path, name)
    except RecordError:
        return None


def _record_or_none(
    database: str, name: str, files: tuple[tuple[str, None], ...]
) -> RecordSource | None:
    try:
        return RecordSource(database, "", name, files)
    except RecordError as error:
        warnings.warn(f"A record of {database} is left out: {error}", stacklevel=4)
        return None
