"""Which recordings test: one of each test subject, whole, and the noise."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from ecgmodel.dataset.mixing import MixJob
from ecgmodel.dataset.splits import SplitSettings, split_of, subject_of
from ecgmodel.errors import SplitError
from ecgmodel.settings.config import Settings, load_settings

Target = Literal["highpass", "as_recorded"]
FIXED = Path(__file__).with_name("settings.yaml")
SPLITS = SplitSettings()
NOISE_RECORDS = ("bw", "em", "ma")
# sele0122 and, of mitdb, 123 and 233 show people who are here already under another record.
RECORDINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "mitdb": ("106", "112", "118", "119", "203", "209", "215"),
        "qtdb": (  # the test records of the published QT benchmark
            *("sel123", "sel233", "sel302", "sel307", "sel820", "sel853", "sel16420", "sel16795"),
            *("sele0106", "sele0121", "sel32", "sel49", "sel14046", "sel15814"),
        ),
        "nstdb": NOISE_RECORDS,
    }
)
QUICK: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"mitdb": ("119", "209"), "qtdb": ("sel302", "sel32"), "nstdb": NOISE_RECORDS}
)


def protocol_settings(base: Settings, target: Target = "highpass") -> Settings:
    """Return settings with all that decides the test put to the protocol's values.

    Args:
        base: Says where recordings come from and where results go.
        target: What counts as clean; the goals refer to "highpass".
    """
    fixed = _fixed()
    changes = {
        "resample": fixed.resample.model_copy(update={"target": target}),
        "quality": fixed.quality,
        "mix": fixed.mix,
        "split": SPLITS,
    }
    return base.model_copy(update=changes)


def job_of(record: str) -> MixJob:
    """Return whose a record is, as a job for the test.

    Args:
        record: Database and record, e.g. "mitdb/119".

    Raises:
        SplitError: Its subject is no test subject.
    """
    database, _, name = record.partition("/")
    subject = subject_of(database, name, SPLITS)
    check_subject(subject, record)
    return MixJob(record, subject, "test")


def check_subject(subject: str, where: str) -> None:
    """Raise an error if a subject does not test.

    Raises:
        SplitError: It trains, validates or is held out.
    """
    split = split_of(subject, SPLITS)
    if split != "test":
        raise SplitError(
            f"Expected test subjects only. Received: {where} of subject {subject}, whose split is "
            f"{split}. Name recordings of the protocol leak-free."
        )


@cache
def _fixed() -> Settings:
    return load_settings(FIXED)
