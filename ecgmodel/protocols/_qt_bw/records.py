"""Which records of the QT Database train, validate and test in the protocol `qt-bw`."""

from __future__ import annotations

from ecgmodel.databases._base import Split
from ecgmodel.databases.qtdb import DATABASE

TEST = (
    *("sel123", "sel233", "sel302", "sel307", "sel820", "sel853", "sel16420", "sel16795"),
    *("sele0106", "sele0121", "sel32", "sel49", "sel14046", "sel15814"),
)
"""As published (Romero et al. 2021). `sele0122`, a training record there, is taken to be the
person of `sele0121`: the published split stays as it is, and tables say so."""

VALIDATION = (
    *("sel14172", "sel16539", "sel223", "sel306", "sel36", "sel44"),
    *("sel840", "sel883", "sele0111", "sele0405"),
)
"""A tenth of the training records: of each of the seven source databases at least one, low and
high beats, steady and changing ones. None has a second record under another name."""

RECORDS = 105
WINDOWS = {"train": 72_002, "test": 13_316}
"""Windows of all 105 records; those of the validation records are part of the first number."""


def split_of(record: str) -> Split:
    """Return the split of a record: "test", "validation" or "train"."""
    if record in TEST:
        return "test"
    return "validation" if record in VALIDATION else "train"


def subject_of(record: str) -> str:
    """Return the subject of a record, under the name that it has in every database."""
    return DATABASE.subject(record)
