"""The description of a database: version, annotators, subjects and splits."""

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
        annotators: Suffixes of the annotation files to download.
        beats: The annotator of the reference beats; "" without reference beats.
        subjects: Record name to subject, for records of a subject with another name. A subject is
            named `<database>/<number>` after its original database.
        splits: Subject to split, for subjects assigned by hand. All other subjects train.
        uncalibrated_gain: ADC units per mV for leads without a gain; None refuses such leads.
        citation: The publication to cite.
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
        """Return the subject of a record, the same for all records of one person."""
        return self.subjects.get(record, f"{self.name}/{record}")


def assign(
    test: tuple[str, ...] = (), validation: tuple[str, ...] = (), held_out: tuple[str, ...] = ()
) -> dict[str, Split]:
    """Return subject to split, from lists of subjects."""
    named: dict[str, Split] = {}
    named.update(dict.fromkeys(test, "test"))
    named.update(dict.fromkeys(validation, "validation"))
    named.update(dict.fromkeys(held_out, "held_out"))
    return named
