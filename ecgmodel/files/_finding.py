"""Search for recordings, and recognition of their formats."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from types import ModuleType

from ecgmodel.errors import MissingFileError, RecordError
from ecgmodel.files._limits import HEADER_BYTES
from ecgmodel.support import plugins
from ecgmodel.wfdb.headers import header_text

PACKAGE = "files"
WFDB = "wfdb"
QUALITY = ".quality.csv"
"""Suffix of the tables with the quality of cleaned recordings."""
_GLOB = frozenset("*?[")


def formats() -> tuple[str, ...]:
    """Return the names of all formats."""
    return plugins.names(PACKAGE)


def load(name: str) -> ModuleType:
    """Return the module of a format.

    Raises:
        UnknownNameError: There is no such format; the message lists the nearest names.
    """
    return plugins.load(PACKAGE, name, "format")


def format_of(path: str | Path) -> str:
    """Return a file's format by its suffix.

    A WFDB record is recognised by its header, signal or annotation files, and by its bare name.

    Raises:
        RecordError: The suffix belongs to no format.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    for name in formats():
        if suffix in load(name).SUFFIXES:
            return name
    if record_path(path) is not None:
        return WFDB
    known = ", ".join(sorted(end for name in formats() for end in load(name).SUFFIXES))
    raise RecordError(f"{path} has no known format. Expected a file that ends with {known}.")


def files_of(path: Path) -> list[Path]:
    """Return all files of a recording; some may be missing.

    Args:
        path: A path returned by `find_recordings`.
    """
    module = load(format_of(path))
    if _is_lone(path) or not hasattr(module, "files"):
        return [path]
    own: list[Path] = module.files(path)
    return own


def written_name(path: Path, format: str) -> str:
    """Return the name, without suffix, that `write_ecg` gives a recording in a format."""
    module = load(format)
    if format_of(path) == format or not hasattr(module, "plain_name"):
        return path.stem
    return str(module.plain_name(path.stem))


def stale_files(first: Path, names: Collection[str]) -> list[Path]:
    """Return the files of an earlier recording that the new one does not overwrite.

    Args:
        first: The main file of the new recording, which may not exist yet.
        names: Names of all files of the new recording.
    """
    module = load(format_of(first))
    if not first.is_file() or not hasattr(module, "extra_files"):
        return []
    return [file for file in module.extra_files(first) if file.name not in names]


def record_path(path: Path) -> Path | None:
    """Return the WFDB record (without suffix) of a file, None if there is no header."""
    for record in (path, path.with_suffix("")) if path.name else ():
        if record.with_name(f"{record.name}.hea").is_file():
            return record
    return None


def find_recordings(paths: Iterable[str | Path]) -> list[Path]:
    """Return the recordings found in files, folders and patterns, each once, sorted.

    Folders are searched recursively, except hidden ones. A WFDB record is returned as its header;
    the segments of a multi-segment record are not listed separately.

    Args:
        paths: Files or bare names of WFDB records, folders, and patterns such as "*.csv".

    Raises:
        MissingFileError: A path does not exist, or contains no recording.
        RecordError: A named file has no known format.
    """
    found: dict[Path, Path] = {}
    for given in paths:
        here = list(_matching(Path(given).expanduser()))
        if not here:
            raise MissingFileError(
                f"There is no recording at {given}. Expected a file, a folder with recordings, or "
                f"a pattern that matches some. Formats: {', '.join(formats())}."
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
    """Yield the recordings in a folder and its subfolders."""
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        names = [name for name in sorted(files) if not name.startswith(".")]
        kept = [Path(here, name) for name in names if _is_recording(Path(here, name), True)]
        segments = {name for path in kept if path.suffix == ".hea" for name in _segments(path)}
        yield from (_recording(path) for path in kept if path.name not in segments)


def _is_recording(path: Path, in_folder: bool = False) -> bool:
    """Return whether a file is a recording; in a folder only if its suffix is unambiguous.

    Args:
        path: The file.
        in_folder: Whether the file was found in a folder, not named by the user.
    """
    suffix = path.suffix.lower()
    if in_folder and path.name.lower().endswith(QUALITY):
        return False  # a quality table written by cleaning
    if suffix == ".hea" or (not in_folder and record_path(path)):
        return path.is_file()
    names = (name for name in formats() if name != WFDB)
    ends = {end for name in names for end in load(name).SUFFIXES}
    return path.is_file() and suffix in ends - ({".txt"} if in_folder else set())


def _recording(path: Path) -> Path:
    """Return the main file of a recording: a WFDB record's header, any other file unchanged."""
    if format_of(path) != WFDB:
        return path
    if _is_lone(path):
        return path
    record = record_path(path)
    if record is None:
        raise MissingFileError(
            f"{path} has no header. Expected a .hea file of the same name in its folder."
        )
    return record.with_name(f"{record.name}.hea")


def _is_lone(path: Path) -> bool:
    """Return whether a header belongs to no record, e.g. 100.HEA; reading it raises the error."""
    return path.suffix.lower() == ".hea" and record_path(path) is None


def _segments(header: Path) -> set[str]:
    """Return the header names of a record's segments."""
    try:
        lines = header_text(header).lines if header.stat().st_size <= HEADER_BYTES else []
    except OSError:
        return set()
    if not lines or "/" not in lines[0].split()[0]:
        return set()
    return {f"{line.split()[0]}.hea" for line in lines[1:]}
