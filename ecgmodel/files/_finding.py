"""Which files are recordings, and of which format."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from types import ModuleType

from ecgmodel.errors import MissingFileError, RecordError
from ecgmodel.support import plugins

PACKAGE = "files"
WFDB = "wfdb"
QUALITY = ".quality.csv"
"""How the names end of tables that tell of a cleaned recording."""
_GLOB = frozenset("*?[")


def formats() -> tuple[str, ...]:
    """Return the names of all formats."""
    return plugins.names(PACKAGE)


def load(name: str) -> ModuleType:
    """Return a format's module.

    Raises:
        UnknownNameError: There is none of that name; the message gives the nearest.
    """
    return plugins.load(PACKAGE, name, "format")


def format_of(path: str | Path) -> str:
    """Return a file's format by the end of its name.

    A record's header, its samples, its annotations and its bare name all mean the WFDB record.

    Raises:
        RecordError: No format has such names.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    for name in formats():
        if suffix in load(name).SUFFIXES:
            return name
    if record_path(path) is not None:
        return WFDB
    known = ", ".join(sorted(end for name in formats() for end in load(name).SUFFIXES))
    raise RecordError(f"Expected a recording, a file that ends with {known}. Received: {path}.")


def files_of(path: Path) -> list[Path]:
    """Return the files that a recording consists of; some may be missing.

    Args:
        path: As `find_recordings` gives it.
    """
    module = load(format_of(path))
    if _is_lone(path) or not hasattr(module, "files"):
        return [path]
    own: list[Path] = module.files(path)
    return own


def written_name(path: Path, format: str) -> str:
    """Return the name, without suffix, under which `write_ecg` writes a recording in a format."""
    module = load(format)
    if format_of(path) == format or not hasattr(module, "plain_name"):
        return path.stem
    return str(module.plain_name(path.stem))


def stale_files(first: Path, names: Collection[str]) -> list[Path]:
    """Return what an earlier recording would leave beside one that takes its place.

    Args:
        first: The file to read first, which may not be there yet.
        names: Names of all files of the new recording.
    """
    module = load(format_of(first))
    if not first.is_file() or not hasattr(module, "beside"):
        return []
    return [file for file in module.beside(first) if file.name not in names]


def record_path(path: Path) -> Path | None:
    """Return the WFDB record (no suffix) that a file belongs to, None if there is no header."""
    for record in (path, path.with_suffix("")) if path.name else ():
        if record.with_name(f"{record.name}.hea").is_file():
            return record
    return None


def find_recordings(paths: Iterable[str | Path]) -> list[Path]:
    """Return the recordings that files, folders and patterns name, each once, sorted.

    Folders are searched with all that lie in them, save hidden ones. A WFDB record is given by its
    header, and the segments of a record that joins others are not listed beside it.

    Args:
        paths: Files, a record's bare name among them, folders, and patterns such as "*.csv".

    Raises:
        MissingFileError: One of them names nothing, or holds no recording.
        RecordError: A file that is named has no known format.
    """
    found: dict[Path, Path] = {}
    for given in paths:
        here = list(_matching(Path(given).expanduser()))
        if not here:
            raise MissingFileError(
                f"There is no recording at {given}. Expected a file, a folder with recordings, or "
                f"a pattern that fits some; formats: {', '.join(formats())}."
            )
        found.update({path.resolve(): path for path in here})
    return sorted(found.values())


def _matching(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from _in_folder(path)
    elif path.exists() or record_path(path):
        yield _recording(path)
    elif _GLOB & set(str(path)):
        matches = [Path(match) for match in glob.glob(str(path), recursive=True)]  # noqa: PTH207
        for match in sorted(matches):
            if match.is_dir():
                yield from _in_folder(match)
            elif _is_recording(match):
                yield _recording(match)


def _in_folder(folder: Path) -> Iterator[Path]:
    """Yield the recordings in a folder and all inside it."""
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        names = [name for name in sorted(files) if not name.startswith(".")]
        kept = [Path(here, name) for name in names if _is_recording(Path(here, name), True)]
        segments = {name for path in kept if path.suffix == ".hea" for name in _segments(path)}
        yield from (_recording(path) for path in kept if path.name not in segments)


def _is_recording(path: Path, in_folder: bool = False) -> bool:
    """Return whether a file is a recording's; in a folder only if its name can mean nothing else.

    Args:
        path: The file.
        in_folder: Whether nobody named it.
    """
    suffix = path.suffix.lower()
    if in_folder and path.name.lower().endswith(QUALITY):
        return False  # what cleaning has told of a recording
    if suffix == ".hea" or (not in_folder and record_path(path)):
        return path.is_file()
    names = (name for name in formats() if name != WFDB)
    ends = {end for name in names for end in load(name).SUFFIXES}
    return path.is_file() and suffix in ends - ({".txt"} if in_folder else set())


def _recording(path: Path) -> Path:
    """Return a recording's own file: a record's header, any other as it is."""
    if format_of(path) != WFDB:
        return path
    if _is_lone(path):
        return path
    record = record_path(path)
    if record is None:
        raise MissingFileError(f"There is no header for {path}. Expected a .hea file beside it.")
    return record.with_name(f"{record.name}.hea")


def _is_lone(path: Path) -> bool:
    """Return whether a header is that of no record, as 100.HEA: reading it says so."""
    return path.suffix.lower() == ".hea" and record_path(path) is None


def _segments(header: Path) -> set[str]:
    """Return the names of the headers of a record's segments."""
    try:
        with header.open(encoding="latin-1") as file:
            lines = [line.split() for line in file.read(2**20).splitlines()]
    except OSError:
        return set()
    words = [line for line in lines if line and not line[0].startswith("#")]
    if not words or "/" not in words[0][0]:
        return set()
    return {f"{line[0]}.hea" for line in words[1:]}
