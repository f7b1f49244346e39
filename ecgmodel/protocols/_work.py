"""How a protocol gets its recordings and has its steps done: plainly here, as tasks in a flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ecgmodel.settings.config import Settings
from ecgmodel.steps.data import Step, download_step, open_source
from ecgmodel.store import Store, Stored

Recordings = Mapping[str, Sequence[str]]
"""By database the names of records, none for all of them."""


class Work(Protocol):
    """Who does a protocol's steps."""

    settings: Settings

    def download(self, recordings: Recordings) -> dict[str, list[Stored]]:
        """Return whole records, by database."""

    def do(self, stage: str, steps: Sequence[Step]) -> list[Stored]:
        """Return the outputs of independent steps, in order.

        Args:
            stage: "resample", "mix", "prepare" or "measure".
            steps: What to do.
        """


class TrainingWork(Work, Protocol):
    """Who makes datasets to train on too."""

    def dataset(self, settings: Settings) -> Stored:
        """Return the dataset that settings describe."""


class PlainWork:
    """Does one step after another in this process.

    Args:
        settings: Where recordings come from (`source`).
        store: Where results go.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings, self.store = settings, store

    def download(self, recordings: Recordings) -> dict[str, list[Stored]]:
        """Return whole records, by database."""
        return {name: self._database(name, tuple(names)) for name, names in recordings.items()}

    def do(self, stage: str, steps: Sequence[Step]) -> list[Stored]:
        """Return the outputs of independent steps, in order."""
        return [step.run(self.store) for step in steps]

    def _database(self, name: str, records: tuple[str, ...]) -> list[Stored]:
        source = open_source(self.settings.source, name, self.store)
        return [
            download_step(source, record, self.settings.source).run(self.store)
            for record in source.records(name, records)
        ]


def record_path(stored: Stored) -> Path:
    """Return where a downloaded record's WFDB files are, without suffix."""
    return stored.file(str(stored.info["header"]))
