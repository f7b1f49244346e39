"""Published files that a store has already, known by their hash, whatever fetched them."""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
from pathlib import Path
from typing import Any

from ecgmodel.store import MANIFEST, file_sha256

_log = logging.getLogger("ecg")


class KnownFiles:
    """The whole and cut files in the downloads of a store.

    Args:
        downloads: The folder of the stage's units; None if nothing is kept.
    """

    def __init__(self, downloads: Path | None) -> None:
        self._downloads = downloads
        self._lock = threading.Lock()
        self._whole: dict[str, Path] | None = None
        self._cut: dict[tuple[str, str, str], list[tuple[Path, list[int]]]] = {}

    def take(self, sha256: str, into: Path) -> bool:
        """Provide a file by its hash; False if the store does not have it."""
        path = self.find(sha256)
        if path is None:
            return False
        try:
            os.link(path, into)
        except OSError:  # another disk, or a file system without links
            shutil.copyfile(path, into)
        return True

    def find(self, sha256: str) -> Path | None:
        """Return the place of a file with a hash, None if the store does not have it."""
        with self._lock:
            if self._whole is None:
                self._look()
            path = (self._whole or {}).get(sha256)
        return path if path and path.is_file() and file_sha256(path) == sha256 else None

    def compare(self, database: str, record: str, whole: Path) -> None:
        """Compare what was cut from a file before with the whole file, whose hash is published.

        A cut with other bytes is no longer a finished unit, so that it is made again.
        """
        with self._lock:
            cuts = self._cut.pop((database, record, whole.name), [])
        for path, (first, last) in cuts:
            try:
                with whole.open("rb") as file:
                    file.seek(first)
                    same = file.read(last + 1 - first) == path.read_bytes()
                if not same:
                    path.with_name(MANIFEST).unlink()
            except OSError:  # deleted in the meantime
                continue
            if not same:
                _log.warning(
                    "%s is not what %s of %s, with the published hash, has there. It is made again "
                    "when it is needed.",
                    path,
                    whole.name,
                    record,
                )

    def _look(self) -> None:
        self._whole = {}
        for manifest in self._downloads.glob(f"*/{MANIFEST}") if self._downloads else ():
            try:
                info = json.loads(manifest.read_text())["info"]
                for name, entry in info["files"].items():
                    self._add(manifest.parent / name, entry, info)
            except (OSError, ValueError, KeyError, TypeError):
                continue  # no unit, or a damaged one

    def _add(self, path: Path, entry: dict[str, Any], info: dict[str, Any]) -> None:
        assert self._whole is not None
        if entry["range"]:
            key = str(info["database"]), str(info["record"]), path.name
            self._cut.setdefault(key, []).append((path, entry["range"]))
        elif entry["verified"]:
            self._whole[str(entry["sha256"])] = path
