"""Division of subjects and noise recordings into training, validation and test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ecgmodel.databases._base import Database, Split
from ecgmodel.errors import SplitError
from ecgmodel.support import plugins
from ecgmodel.support.randomness import uniforms

SPLITS: tuple[Literal["train", "validation", "test"], ...] = ("train", "validation", "test")
# If two databases list a subject differently, the first of these splits applies.
_STRICTEST: tuple[Split, ...] = ("test", "held_out", "validation", "train")


class SplitSettings(BaseModel):
    """Assignment of subjects to splits; overrides the lists of known databases."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    train: tuple[str, ...] = Field((), description="Training subjects, e.g. own/patient7.")
    validation: tuple[str, ...] = Field((), description="Validation subjects.")
    test: tuple[str, ...] = Field((), description="Test subjects.")
    subjects: Mapping[str, str] = Field(
        {}, description="Record (database/name) to subject, for subjects with several records."
    )
    test_share: float = Field(
        0.2, ge=0, le=1, description="Share of unlisted subjects in the test split."
    )
    validation_share: float = Field(
        0.15, ge=0, le=1, description="Share of unlisted subjects in the validation split."
    )
    seed: int = 0

    @model_validator(mode="after")
    def _can_be_kept(self) -> SplitSettings:
        for subject in (*self.train, *self.validation, *self.test):
            named = [split for split in SPLITS if subject in getattr(self, split)]
            if len(named) > 1:
                raise ValueError(f"subject {subject} is named in split.{' and split.'.join(named)}")
        if self.test_share + self.validation_share > 1:
            raise ValueError(
                f"expected split.test_share + split.validation_share of at most 1. Received: "
                f"{self.test_share:g} + {self.validation_share:g}"
            )
        return self


def subject_of(database: str, record: str, settings: SplitSettings) -> str:
    """Return the subject of a record, the same for all records of one person."""
    if subject := settings.subjects.get(f"{database}/{record}"):
        return subject
    if database in plugins.names("databases"):
        known: Database = plugins.load("databases", database, "database").DATABASE
        return known.subject(record)
    return f"{database}/{record}"


def split_of(subject: str, settings: SplitSettings) -> Split:
    """Return a subject's split: from the settings, else from a database, else by a hash.

    With a hash of its name, a subject keeps its split when others are added.
    """
    for split in SPLITS:
        if subject in getattr(settings, split):
            return split
    listed = _listed()
    if subject in listed:
        return listed[subject]
    if subject.split("/")[0] in {name.split("/")[0] for name in listed}:
        return "train"
    draw = float(uniforms(settings.seed, f"split {subject}"))
    if draw < settings.test_share:
        return "test"
    return "validation" if draw < settings.test_share + settings.validation_share else "train"


def assign_splits(subjects: Iterable[str], settings: SplitSettings) -> dict[str, Split]:
    """Return each subject's split.

    Raises:
        SplitError: A split has no subject.
    """
    assigned = {subject: split_of(subject, settings) for subject in sorted(set(subjects))}
    for split in SPLITS:
        if split not in assigned.values():
            raise SplitError(_remedy(split, assigned))
    return assigned


def strictness(subject: str, settings: SplitSettings) -> int:
    """Return the rank of a subject's split in the order of precedence, 0 for the test split."""
    return _STRICTEST.index(split_of(subject, settings))


def copies(contents: Mapping[str, str]) -> dict[str, str]:
    """Return the records that duplicate an earlier one, with that one.

    Args:
        contents: Record to the hash of its samples; of identical records the first is kept.

    Example:
        >>> copies({"own/a": "5f", "own/b": "07", "own/c": "5f"})
        {'own/c': 'own/a'}
    """
    first: dict[str, str] = {}
    return {r: first[c] for r, c in contents.items() if first.setdefault(c, r) != r}


def noise_ranges(samples: int) -> dict[str, tuple[int, int]]:
    """Return the part of a noise recording that each split may use.

    The first half is for training, except its last fifth for validation; the second half is for
    the test.

    Args:
        samples: Length of the recording.

    Returns:
        Split to first sample and the one after the last.
    """
    half = samples // 2
    last_fifth = half - half // 5
    return {"train": (0, last_fifth), "validation": (last_fifth, half), "test": (half, samples)}


def _listed() -> dict[str, Split]:
    """Return subject to split from the lists of all known databases."""
    listed: dict[str, Split] = {}
    for name in plugins.names("databases"):
        database: Database = plugins.load("databases", name, "database").DATABASE
        for subject, split in database.splits.items():
            listed[subject] = min(split, listed.get(subject, split), key=_STRICTEST.index)
    return listed


def _remedy(split: str, assigned: Mapping[str, Split]) -> str:
    free = [subject for subject, given in assigned.items() if given != "held_out"]
    found = ", ".join(f"{subject} ({given})" for subject, given in list(assigned.items())[:8])
    if len(free) < len(SPLITS):
        return (
            f"The {split} split has no subject: {len(free)} subjects can be used "
            f"({found or 'none'}), at least {len(SPLITS)} are needed. Add records of "
            "other subjects."
        )
    crowded = max(SPLITS, key=lambda s: sum(given == s for given in assigned.values()))
    chosen = next(subject for subject in free if assigned[subject] == crowded)
    return (
        f"The {split} split has none of the {len(assigned)} subjects ({found}). Assign some, e.g. "
        f"--set 'split.{split}=[{chosen}]', or add records of other subjects."
    )
