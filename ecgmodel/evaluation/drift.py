"""Drift: do the recordings that come in now still look like those that the model learned from?

Recordings are compared, not windows: those of one recording are alike, and a test that takes each
for an independent sample finds drift everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ecgmodel.errors import unknown_name
from ecgmodel.signals.statistics import RecordingStatistics

# What can be compared, and how a person reads it.
STATISTICS = {
    "sampling_rate_hz": "sampling rate (Hz)",
    "amplitude_mv": "amplitude (mV)",
    "noise_mv": "noise level (mV)",
    "wander_mv": "baseline wander (mV)",
    "quality": "share of good windows",
    "usable": "share of usable samples",
    "duration_s": "duration (s)",
}

Verdict = Literal["drift", "no drift", "not enough recordings"]


class DriftSettings(BaseModel):
    """When incoming recordings count as other than those of the training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    alpha: float = Field(
        0.01, gt=0, lt=1, description="Chance of a false alarm, all statistics together."
    )
    min_recordings: int = Field(
        8, ge=2, description="Fewer recordings on either side are not compared."
    )
    recent: int = Field(50, ge=2, description="So many of the newest recordings are looked at.")
    statistics: tuple[str, ...] = Field(
        ("sampling_rate_hz", "amplitude_mv", "noise_mv", "wander_mv", "quality"),
        min_length=1,
        description=f"What is compared, of {', '.join(STATISTICS)}.",
    )

    @field_validator("statistics")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in STATISTICS:
                raise unknown_name("statistic", name, STATISTICS)
        return tuple(dict.fromkeys(names))

    @model_validator(mode="after")
    def _can_be_enough(self) -> DriftSettings:
        if self.recent < self.min_recordings:
            raise ValueError(
                f"drift.recent={self.recent} recordings are never the {self.min_recordings} that "
                "drift.min_recordings asks for: raise it"
            )
        return self


@dataclass(frozen=True)
class DriftComparison:
    """One statistic of the recordings of both sides.

    Attributes:
        statistic: Its name, one of `STATISTICS`.
        reference: Recordings of the training that have it.
        incoming: Incoming recordings that have it.
        reference_median: Its median there.
        incoming_median: Its median here.
        distance: The Kolmogorov-Smirnov statistic, 0 (alike) to 1 (no overlap).
        p: The chance of that distance or a larger one if nothing had changed.
        corrected_p: The same after Holm's correction for the number of statistics.
        drifted: Whether `corrected_p` is at most alpha.
    """

    statistic: str
    reference: int
    incoming: int
    reference_median: float
    incoming_median: float
    distance: float
    p: float
    corrected_p: float
    drifted: bool


@dataclass(frozen=True)
class DriftReport:
    """What a comparison found.

    Attributes:
        verdict: Drift, none, or too few recordings to say.
        reference: Recordings of the training.
        incoming: Incoming recordings.
        alpha: The chance of a false alarm that was accepted.
        min_recordings: How many recordings each side needs.
        comparisons: One a statistic; none if there are too few recordings.
    """

    verdict: Verdict
    reference: int
    incoming: int
    alpha: float
    min_recordings: int
    comparisons: tuple[DriftComparison, ...]

    @property
    def drifted(self) -> tuple[DriftComparison, ...]:
        """The statistics that have changed."""
        return tuple(c for c in self.comparisons if c.drifted)

    @property
    def sentence(self) -> str:
        """The finding in one sentence."""
        sides = f"{self.incoming} incoming and {self.reference} training recordings"
        if self.verdict == "not enough recordings":
            return (
                f"Not enough recordings yet: {sides} have figures to compare, and "
                f"{self.min_recordings} of each are needed."
            )
        if not self.drifted:
            return f"No drift between {sides}: nothing differs at alpha = {self.alpha:g}."
        changes = ", ".join(
            f"{STATISTICS[c.statistic]} {c.reference_median:.4g} -> {c.incoming_median:.4g}"
            for c in self.drifted
        )
        return f"Drift between {sides}, at alpha = {self.alpha:g}: {changes} (medians)."

    def to_dict(self) -> dict[str, Any]:
        """Return the report with its sentence, JSON-able."""
        return {**asdict(self), "comparisons": [asdict(c) for c in self.comparisons]} | {
            "sentence": self.sentence
        }

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False)

    def to_markdown(self) -> str:
        """Return the report's sentence and table."""
        if not self.comparisons:
            return self.sentence
        lines = [
            self.sentence,
            "",
            "| statistic | training, median | incoming, median | KS distance | p | Holm's p | |",
            "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
        ]
        lines += [
            f"| {STATISTICS[c.statistic]} | {c.reference_median:.4g} | {c.incoming_median:.4g} "
            f"| {c.distance:.2f} | {c.p:.2g} | {c.corrected_p:.2g} "
            f"| {'**drift**' if c.drifted else ''} |"
            for c in self.comparisons
        ]
        return "\n".join(lines)


def detect_drift(
    reference: Sequence[RecordingStatistics],
    incoming: Sequence[RecordingStatistics],
    settings: DriftSettings,
) -> DriftReport:
    """Compare incoming recordings with those of the training.

    Each statistic by the two-sample Kolmogorov-Smirnov test, which sees shifts and changes of
    spread, and is on the safe side for values that come more than once, such as sampling rates;
    all together by Holm's correction (Holm 1979, Scand. J. Statist. 6:65-70). The recordings are
    taken for independent: many of one patient count for more than they tell.

    Args:
        reference: Recordings of the training.
        incoming: Recordings that came in, each once.
        settings: What is compared, and how sure to be.

    Returns:
        The report. A statistic that too few recordings have is left out; if none is left, there
        are not enough recordings.
    """
    pairs = {n: (_values(reference, n), _values(incoming, n)) for n in settings.statistics}
    enough = {n: p for n, p in pairs.items() if min(map(len, p)) >= settings.min_recordings}
    comparisons = _compare(enough, settings.alpha)
    found: Verdict = "drift" if any(c.drifted for c in comparisons) else "no drift"
    return DriftReport(
        verdict=found if comparisons else "not enough recordings",
        reference=len(reference),
        incoming=len(incoming),
        alpha=settings.alpha,
        min_recordings=settings.min_recordings,
        comparisons=comparisons,
    )


def _values(recordings: Sequence[RecordingStatistics], name: str) -> np.ndarray:
    """Return a statistic of the recordings that have it."""
    values = (getattr(recording, name) for recording in recordings)
    return np.array([value for value in values if value is not None], dtype=np.float64)


def _compare(
    pairs: dict[str, tuple[np.ndarray, np.ndarray]], alpha: float
) -> tuple[DriftComparison, ...]:
    from scipy.stats import ks_2samp

    tests = {name: ks_2samp(*pair) for name, pair in pairs.items()}
    corrected = holm({name: float(test.pvalue) for name, test in tests.items()})
    return tuple(
        DriftComparison(
            statistic=name,
            reference=len(old),
            incoming=len(new),
            reference_median=float(np.median(old)),
            incoming_median=float(np.median(new)),
            distance=float(tests[name].statistic),
            p=float(tests[name].pvalue),
            corrected_p=corrected[name],
            drifted=corrected[name] <= alpha,
        )
        for name, (old, new) in pairs.items()
    )


def holm(chances: dict[str, float]) -> dict[str, float]:
    """Return p-values corrected for their number, by Holm's step-down method.

    Example:
        >>> holm({"a": 0.01, "b": 0.04})
        {'a': 0.02, 'b': 0.04}
    """
    corrected, so_far = {}, 0.0
    for rank, name in enumerate(sorted(chances, key=lambda n: chances[n])):
        so_far = max(so_far, min(1.0, chances[name] * (len(chances) - rank)))
        corrected[name] = so_far
    return corrected
