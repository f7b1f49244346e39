"""The files of a run or a model in MLflow, and whether they are those that were logged.

On this machine they are compared by hash, behind a server by size.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ecgmodel.errors import EcgError
from ecgmodel.store import digest, file_sha256

SEAL = "ecg.files"
"""Tag of a run or a model: the `seal` of those files that the store cannot tell."""
_FOLDERS = ("code",)  # put back as a whole: its files belong together


class AlteredError(EcgError, ValueError):
    """A file in MLflow is not as it was logged.

    Args:
        location: The URI of its artifacts.
        parts: The files and folders.
    """

    def __init__(self, location: str, parts: Iterable[str]) -> None:
        super().__init__(f"{', '.join(sorted(parts))} in {location} is not as it was logged.")


Files = dict[str, tuple[int | None, str]]
"""Relative path: bytes, sha256 ("" where only a server reads the file)."""
Seal = Mapping[str, Any]


def files_at(location: str, uri: str) -> Files:
    """Return all files of a run or a model, however deep, without Python's cache.

    Args:
        location: URI of its artifacts.
        uri: Address of the tracking store.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    folder = get_artifact_repository(location, tracking_uri=uri)
    is_local = isinstance(folder, LocalArtifactRepository)
    found: Files = {}
    waiting: list[str | None] = [None]
    while waiting:
        for one in folder.list_artifacts(waiting.pop()):
            if one.is_dir:
                waiting += [] if one.path.endswith("__pycache__") else [one.path]
            else:
                sha256 = file_sha256(_place(location, one.path)) if is_local else ""
                found[one.path] = (one.file_size, sha256)
    return found


def local_hashes(location: str, files: Files) -> dict[Path, str]:
    """Return the hashes of those files that lie on this machine, by path."""
    return {_place(location, name): sha256 for name, (_, sha256) in files.items() if sha256}


def stored_files(files: Mapping[str, Mapping[str, Any]]) -> Files:
    """Return files of a unit of the store (`Stored.files`) in the same form."""
    return {name: (int(one["bytes"]), str(one["sha256"])) for name, one in files.items()}


def seal(files: Files) -> dict[str, list[str]]:
    """Return the hashes of all sizes and of all contents, part by part: a file, or a folder."""
    parts: dict[str, list[str]] = {}
    for name in sorted(files):
        parts.setdefault(part_of(name), []).append(name)
    return {part: _hashes({name: files[name] for name in names}) for part, names in parts.items()}


def part_of(name: str) -> str:
    """Return the part to which a file belongs."""
    top = name.partition("/")[0]
    return top if top in _FOLDERS else name


def altered(files: Files, wanted: Seal) -> set[str]:
    """Return the parts that are missing or other than wanted; other files may be there, too."""
    now = seal(files)
    return {part for part, known in wanted.items() if not _same(now.get(part), known)}


def read_seal(tags: Mapping[str, str]) -> Seal:
    """Return the seal in the tags of a run or a model, empty if earlier code logged it."""
    found: Seal = json.loads(tags.get(SEAL, "{}"))
    return found


def _place(location: str, path: str) -> Path:
    from mlflow.utils.file_utils import local_file_uri_to_path

    return Path(local_file_uri_to_path(location)) / path


def _hashes(files: Files) -> list[str]:
    sizes = {name: size for name, (size, _) in files.items()}
    hashes = {name: sha256 for name, (_, sha256) in files.items()}
    return [digest(sizes)[:16], digest(hashes) if all(hashes.values()) else ""]


def _same(now: list[str] | None, known: list[str]) -> bool:
    if now is None or now[0] != known[0]:
        return False
    return now[1] == known[1] or not (now[1] and known[1])
