"""What the project knows of a database: version, annotators, subjects and splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Split = Literal["train", "validation", "test", "held_out"]


@dataclass(frozen=True)
class Database:
    """A published database.

    Attributes:
        name: Its folder on PhysioNet, e.g. "mitdb".
        version: Its version folder, e.g. "1.0.0".
        annotators: Suffixes of the annotation files worth fetching.
        beats: The annotator whose marks are reference beats; "" where there is none.
        subjects: Record name to subject, for records whose subject is known under another name.
            A subject is written `<database>/<number>` after the database that it comes from.
        splits: Subject to split, for the subjects that are assigned by hand. The rest of the
            database trains.
        uncalibrated_gain: Steps per mV where a header gives no gain; None refuses such a lead.
        citation: What to cite.
    """

    name: str
    version: str
    annotators: tuple[str, ...] = ()
    beats: str = ""
    subjects: Mapping[str, str] = field(default_factory=dict)
    splits: Mapping[str, Split] = field(default_factory=dict)
    uncalibrated_gain: float | None = None
    citation: str = ""

    def subject(self, record: str) -> str:
        """Return the subject of a record, the same under every alias."""
        return self.subjects.get(record, f"{self.name}/{record}")


def assign(
    test: tuple[str, ...] = (), validation: tuple[str, ...] = (), held_out: tuple[str, ...] = ()
) -> dict[str, Split]:
    """Return the splits of subjects listed by split."""
    named: dict[str, Split] = {}
    named.update(dict.fromkeys(test, "test"))
    named.update(dict.fromkeys(validation, "validation"))
    named.update(dict.fromkeys(held_out, "held_out"))
    return named
