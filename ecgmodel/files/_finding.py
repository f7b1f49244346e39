"""Search for recordings, and recognition of their formats."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

from ecgmodel.errors import EcgError, MissingFileError, RecordError
from ecgmodel.files._limits import HEADER_BYTES, check_file
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


def created_formats() -> tuple[str, ...]:
    """Return the names of the formats to which other formats can be converted."""
    return tuple(name for name in formats() if hasattr(load(name), "write"))


def not_rewritten(path: Path, reason: str) -> RecordError:
    """Return the error for a file that cannot be written back in its own format."""
    return RecordError(
        f"{path.name} cannot be written back: {reason}. Choose another format with --format: "
        f"{', '.join(created_formats())}."
    )


def format_of(path: str | Path) -> str:
    """Return a file's format by its suffix, and by its content if formats share the suffix.

    A WFDB record is recognised by its header, signal or annotation files, and by its bare name.

    Raises:
        MissingFileError: The suffix belongs to several formats, and the file does not exist.
        RecordError: The suffix belongs to no format, or the content to none that has it.
    """
    path = Path(path)
    names = _with_suffix(path)
    if len(names) == 1:
        return names[0]
    if names:
        return _by_content(path, names)
    if record_path(path) is not None:
        return WFDB
    if name := _by_mark(path):
        return name
    known = ", ".join(sorted(_suffixes()))
    raise RecordError(f"{path} has no known format. Expected a file that ends with {known}.")


def _with_suffix(path: Path) -> list[str]:
    return _suffixes().get(path.suffix.lower(), [])


@cache
def _suffixes() -> dict[str, list[str]]:
    """Return the formats of each suffix."""
    found: dict[str, list[str]] = {}
    for name in formats():
        for suffix in load(name).SUFFIXES:
            found.setdefault(suffix, []).append(name)
    return found


def _by_content(path: Path, names: list[str]) -> str:
    check_file(path)
    for name in names:
        try:
            if name != WFDB and load(name).is_own(path):
                return name
        except OSError as error:
            raise RecordError(
                f"{path.name} cannot be read ({error}). Check its permissions and content."
            ) from error
    if WFDB in names and record_path(path) is not None:
        return WFDB
    labels = ", ".join(load(name).LABEL for name in names)
    raise RecordError(
        f"{path.name} is none of the formats with the suffix {path.suffix}: {labels}. Export the "
        "recording as one of them, or as another format."
    )


def _by_mark(path: Path) -> str | None:
    """Return the format of a file without a known suffix, as on DICOM media, by its first bytes."""
    marked = [(name, load(name).MARK) for name in formats() if hasattr(load(name), "MARK")]
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            start = file.read(max(at + len(mark) for _, (at, mark) in marked))
    except OSError:
        return None
    return next((name for name, (at, mark) in marked if start[at:].startswith(mark)), None)


def files_of(path: Path) -> list[Path]:
    """Return all files of a recording; some may be missing.

    Args:
        path: A path returned by `find_recordings`.
    """
    name = _format_or_none(path)
    if name is None or _is_lone(path) or not hasattr(load(name), "files"):
        return [path]
    own: list[Path] = load(name).files(path)
    return own


def _format_or_none(path: Path) -> str | None:
    """Return a file's format, None if its content is of none; reading it raises the error."""
    try:
        return format_of(path)
    except RecordError:
        if _with_suffix(path):
            return None
        raise


def written_name(path: Path, format: str) -> str:
    """Return the name, without suffix, that `write_ecg` gives a recording in a format."""
    module = load(format)
    if not hasattr(module, "plain_name") or _format_or_none(path) == format:
        return path.stem
    return str(module.plain_name(path.stem))


def stale_files(first: Path, names: Collection[str]) -> list[Path]:
    """Return the files of an earlier recording that the new one does not overwrite.

    Args:
        first: The main file of the new recording, which may not exist yet.
        names: Names of all files of the new recording.
    """
    names_of = _with_suffix(first)
    if not first.is_file() or len(names_of) != 1:  # no format of these has such files
        return []
    module = load(names_of[0])
    if not hasattr(module, "extra_files"):
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
    """Return whether a file is a recording; in a folder a .txt only if it is a table of numbers.

    Args:
        path: The file.
        in_folder: Whether the file was found in a folder, not named by the user.
    """
    suffix = path.suffix.lower()
    if in_folder and path.name.lower().endswith(QUALITY):
        return False  # a quality table written by cleaning
    if suffix == ".hea" or (not in_folder and record_path(path)):
        return path.is_file()
    found = _with_suffix(path)
    if not found and (marked := _by_mark(path)):
        found = [marked]
    modules = [load(name) for name in found if name != WFDB]
    if not modules or not path.is_file():
        return False
    if in_folder and suffix == ".txt":
        return _is_text_table(path)
    if not in_folder or not all(hasattr(module, "is_own") for module in modules):
        return True
    try:  # other XML files, and DICOM images, are no recordings
        return any(module.is_own(path) for module in modules)
    except (EcgError, OSError):
        return True  # reading it raises the error


def _is_text_table(path: Path) -> bool:
    from ecgmodel.files._dialect import is_table

    if is_table(path):
        return True
    logging.getLogger("ecg").warning("%s is not a table of numbers and is skipped.", path)
    return False


def _recording(path: Path) -> Path:
    """Return the main file of a recording: a WFDB record's header, any other file unchanged."""
    names = _with_suffix(path)
    if names and (WFDB not in names or (len(names) > 1 and record_path(path) is None)):
        return path  # of a file of another kind, reading raises the error
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
