"""Zip archives from strangers: unpacked within limits, never outside of the folder; and packed."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from ecgmodel.web.refusing import Refused
from ecgmodel.web.settings import Limits

CHUNK = 1 << 20


def unpack(archive: Path, into: Path, limits: Limits) -> None:
    """Unpack an archive; what its headers say of sizes is not believed.

    Raises:
        Refused: It is no zip archive, is locked, holds links, leads out of the folder, names two
            files alike, or is larger than it may be.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [e for e in opened.infolist() if not e.is_dir() and not _is_clutter(e)]
            if len(entries) > limits.files:
                raise Refused(
                    413, f"Expected at most {limits.files} files. Received: {len(entries)}."
                )
            left = limits.unpacked_megabytes * 1_000_000
            _check_names(entries)
            for entry in entries:
                left -= _unpack_one(opened, entry, into, left, limits)
    except OSError as error:  # whose own words name folders of this machine
        raise Refused(400, f"The zip archive cannot be unpacked: {error.strerror}.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise Refused(400, f"The zip archive cannot be read: {error}.") from error
    except (ValueError, LookupError, UnicodeError, RuntimeError) as error:
        raise Refused(400, f"The zip archive is damaged or locked: {error}.") from error


def pack(files: Iterable[Path], root: Path, archive: Path) -> None:
    """Pack files under their names relative to a folder."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as opened:
        for file in files:
            opened.write(file, file.relative_to(root))


def _unpack_one(
    opened: zipfile.ZipFile, entry: zipfile.ZipInfo, into: Path, most: int, limits: Limits
) -> int:
    """Unpack an entry of at most so many bytes, and return how many it had."""
    path = into / _inside(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with opened.open(entry) as source, path.open("xb") as file:
        while chunk := source.read(CHUNK):
            size += len(chunk)
            if size > most:
                raise Refused(413, f"The unpacked archive exceeds {limits.unpacked_megabytes} MB.")
            file.write(chunk)
    return size


def _check_names(entries: Iterable[zipfile.ZipInfo]) -> None:
    """Refuse two entries of a name, and a file that is another one's folder."""
    files: set[PurePosixPath] = set()
    folders: set[PurePosixPath] = set()
    for entry in entries:
        path = _inside(entry)
        folders.update(path.parents)
        if path in files | folders or not files.isdisjoint(path.parents):
            raise Refused(
                400,
                f"The archive holds {entry.filename[:100]!r} twice, or as file and folder. Give "
                "each file a name of its own.",
            )
        files.add(path)


def _inside(entry: zipfile.ZipInfo) -> PurePosixPath:
    """Return where an entry goes, relative to the folder."""
    name = entry.filename
    path = PurePosixPath(name)
    mode = entry.external_attr >> 16
    if mode and not (stat.S_ISREG(mode) or stat.S_IFMT(mode) == 0):
        raise Refused(400, f"The archive holds {name[:100]!r}, a link or device. Expected files.")
    odd = (
        not path.parts
        or "\\" in name
        or ":" in name
        or any(ord(c) < 32 for c in name)
        or len(path.parts) > 8
    )
    if path.is_absolute() or ".." in path.parts or odd or any(len(p) > 200 for p in path.parts):
        raise Refused(400, f"The archive holds {name[:100]!r}, which is not a plain file name.")
    return path


def _is_clutter(entry: zipfile.ZipInfo) -> bool:
    """Return whether it is one of the files that file managers add."""
    parts = PurePosixPath(entry.filename).parts
    return "__MACOSX" in parts or (bool(parts) and parts[-1] in (".DS_Store", "Thumbs.db"))


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)
