"""An archive that is cleaned in several goes, and its summary.

What is cleaned is written down in the output folder after each recording, so that the next call
goes on where the last one stopped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ecgmodel.denoise.files import CleanedFile, CleaningOptions, FoundRecording
from ecgmodel.denoise.summary import Summary, summarise
from ecgmodel.store import digest
from ecgmodel.support.disk import disk

JOURNAL = ".ecg-denoise-summary.jsonl"
Stamp = list[Any]
"""Name, bytes and time of change of a file."""


class Archive:
    """The recordings of an archive that are cleaned, and those that could not be.

    Args:
        out: The output folder.
        label: The network's label.
        options: Options for reading, cleaning and writing; what was cleaned with others counts as
            not cleaned.
        extras: What determines the further files that are written for each recording.
    """

    def __init__(
        self, out: Path, label: str, options: CleaningOptions, extras: Sequence[Any]
    ) -> None:
        self.out, self.label = out, label
        self._how = digest([label, asdict(options), list(extras)])
        self._journal = out / JOURNAL
        self._entries = {entry["row"]["recording"]: entry for entry in _read(self._journal)}
        self.rows: dict[str, Summary] = {}

    def has(self, recording: FoundRecording) -> bool:
        """Return whether a recording was cleaned before, and neither it nor its output changed."""
        entry = self._entries.get(recording.name)
        if entry is None or entry["how"] != self._how:
            return False
        written = [self.out / stamp[0] for stamp in entry["written"]]
        same = entry["read"] == _stamps(recording.files, recording.path.parent)
        if not same or entry["written"] != _stamps(written, self.out):
            return False
        self.rows[recording.name] = Summary(**entry["row"])
        return True

    def add(self, recording: FoundRecording, done: CleanedFile, extras: Sequence[Path]) -> None:
        """Add a cleaned recording, and write it down.

        Args:
            recording: The recording.
            done: What cleaning returned.
            extras: The further files that were written.
        """
        pages = [path for path in extras if path.suffix == ".html"]
        row = replace(
            summarise(recording.name, done.ecg, done.signal, done.windows),
            file=self._relative(done.files[0]),
            report=self._relative(pages[0]) if pages else "",
        )
        self.rows[recording.name] = row
        entry = {
            "how": self._how,
            "read": _stamps(recording.files, recording.path.parent),
            "written": _stamps([*done.files, *extras], self.out),
            "row": row.to_dict(),
        }
        with disk(self.out), self._journal.open("ab") as file:
            file.write(b"\n%s\n" % json.dumps(entry).encode())  # the last line may be cut off
            file.flush()
            os.fsync(file.fileno())

    def leave_out(self, recording: FoundRecording, reason: str) -> None:
        """Add a recording that could not be cleaned; the next call tries it again."""
        self.rows[recording.name] = Summary(recording.name, "not cleaned", reason)

    def write(self) -> tuple[Path, Path]:
        """Write the summary, and return its page and its table."""
        from ecgmodel.evaluation.archive import write_summary

        return write_summary(list(self.rows.values()), self.out, self.label)

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.out).as_posix()


def _read(journal: Path) -> list[dict[str, Any]]:
    """Return the entries of a journal, without a line that a kill cut off."""
    found = []
    for line in journal.read_bytes().splitlines() if journal.is_file() else []:
        try:
            entry = json.loads(line)
            Summary(**entry["row"])
            found.append(entry)
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _stamps(paths: Iterable[Path], folder: Path) -> list[Stamp]:
    """Return name, size and time of change of files; a missing one has neither."""
    stamps: list[Stamp] = []
    for path in paths:
        stat = path.stat() if path.is_file() else None
        facts = [stat.st_size, stat.st_mtime_ns] if stat else [None, None]
        stamps.append([path.relative_to(folder).as_posix(), *facts])
    return stamps
