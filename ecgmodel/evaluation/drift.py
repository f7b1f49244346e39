"""Data drift: a comparison of incoming recordings with those of the training.

The unit of comparison is the recording. Parts of one recording are correlated, and a test that
treats them as independent samples reports drift everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ecgmodel.errors import unknown_name

if TYPE_CHECKING:  # the settings import this file, and the statistics import SciPy
    from ecgmodel.signals.statistics import RecordingStatistics

# Statistics that can be compared, with labels.
STATISTICS = {
    "sampling_rate_hz": "sampling rate (Hz)",
    "amplitude_mv": "amplitude (mV)",
    "noise_mv": "noise level (mV)",
    "wander_mv": "baseline wander (mV)",
    "quality": "share of segments of good quality",
    "usable": "share of usable samples",
    "duration_s": "duration (s)",
}

Verdict = Literal["drift", "no drift", "not enough recordings"]


class DriftSettings(BaseModel):
    """Settings of the drift test on incoming recordings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    alpha: float = Field(
        0.01,
        gt=0,
        lt=1,
        description="Significance level: probability of a false alarm over all statistics.",
    )
    min_recordings: int = Field(
        8,
        ge=2,
        description="Minimum number of training recordings and of incoming recordings for a test.",
    )
    recent: int = Field(
        50, ge=2, description="Number of most recent incoming recordings that are compared."
    )
    statistics: tuple[str, ...] = Field(
        ("sampling_rate_hz", "amplitude_mv", "noise_mv", "wander_mv", "quality"),
        min_length=1,
        description=f"Statistics to compare, from {', '.join(STATISTICS)}.",
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
                f"drift.recent={self.recent} is smaller than drift.min_recordings="
                f"{self.min_recordings}, so drift would never be tested. Raise drift.recent"
            )
        return self


@dataclass(frozen=True)
class DriftComparison:
    """The test of one statistic.

    Attributes:
        statistic: Name of the statistic, one of `STATISTICS`.
        reference: Number of training recordings for which it is known.
        incoming: Number of incoming recordings for which it is known.
        reference_median: Median over the training recordings.
        incoming_median: Median over the incoming recordings.
        distance: Kolmogorov-Smirnov statistic, 0 (same distribution) to 1 (no overlap).
        p: The p-value of this distance.
        corrected_p: The p-value after Holm's correction for the number of statistics.
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
    """The result of a drift test.

    Attributes:
        verdict: "drift", "no drift", or "not enough recordings".
        reference: Number of training recordings.
        incoming: Number of incoming recordings.
        alpha: Significance level over all statistics.
        min_recordings: Minimum number of recordings on each side.
        comparisons: One per statistic; empty if there are too few recordings.
    """

    verdict: Verdict
    reference: int
    incoming: int
    alpha: float
    min_recordings: int
    comparisons: tuple[DriftComparison, ...]

    @property
    def drifted(self) -> tuple[DriftComparison, ...]:
        """The statistics with drift."""
        return tuple(c for c in self.comparisons if c.drifted)

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        sides = f"{self.incoming} incoming and {self.reference} training recordings"
        if self.verdict == "not enough recordings":
            return (
                f"Not enough recordings yet: there are {sides} to compare, and at least "
                f"{self.min_recordings} of each are needed."
            )
        if not self.drifted:
            return f"No drift between {sides} at alpha = {self.alpha:g}."
        changes = ", ".join(
            f"{STATISTICS[c.statistic]} {c.reference_median:.4g} -> {c.incoming_median:.4g}"
            for c in self.drifted
        )
        return f"Drift between {sides} at alpha = {self.alpha:g}, by medians: {changes}."

    def to_dict(self) -> dict[str, Any]:
        """Return the report with its sentence, as values that JSON can hold."""
        return {**asdict(self), "comparisons": [asdict(c) for c in self.comparisons]} | {
            "sentence": self.sentence
        }

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False)

    def to_markdown(self) -> str:
        """Return the sentence and the table of the report."""
        if not self.comparisons:
            return self.sentence
        lines = [
            self.sentence,
            "",
            "| statistic | training (median) | incoming (median) | KS distance | p "
            "| p, Holm-corrected | |",
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

    Each statistic is compared by the two-sample Kolmogorov-Smirnov test, which detects shifts and
    changes of spread and is conservative for tied values, such as sampling rates. The p-values
    are corrected by Holm's method (Holm 1979, Scand. J. Statist. 6:65-70). The test assumes
    independent recordings: many recordings of one patient make it too sensitive.

    Args:
        reference: Training recordings.
        incoming: Incoming recordings, each once.
        settings: Statistics to compare, and significance level.

    Returns:
        The report. Statistics known for too few recordings are left out; if none remains, the
        verdict is "not enough recordings".
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
    """Return a statistic of the recordings for which it is known."""
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
