"""The headline result of a test: mean SNR improvement of a method and of the best filter.

Command, report, flow run, tracking run, registry and verdict all show the result of `headline`, so
that the same test has the same figures everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from ecgmodel.evaluation.summary import (
    DRAWS,
    NO_NOISE,
    best_method,
    compare,
    method_label,
    noisy_rows,
    subject_interval,
)
from ecgmodel.support import plugins


@dataclass(frozen=True)
class Headline:
    """The result of a method on a test, and that of the best classical filter on the same test.

    Attributes:
        improvement: Mean SNR improvement over all noisy segments, dB.
        interval: Its 95 % interval by bootstrap over subjects; None for fewer than three.
        filter: The classical filter with the largest mean improvement, "" if none was measured.
        filter_improvement: Mean SNR improvement of this filter, dB.
        difference: Mean paired difference between the method and this filter, dB.
        difference_interval: Its 95 % interval; None for fewer than three subjects.
        untouched: Mean output SNR of segments without added noise, dB; None without such segments.
        filter_untouched: The largest such mean among the classical filters, dB.
        subjects: Number of test subjects.
        segments: Number of noisy test segments.
    """

    improvement: float
    interval: tuple[float, float] | None
    filter: str
    filter_improvement: float | None
    difference: float | None
    difference_interval: tuple[float, float] | None
    untouched: float | None
    filter_untouched: float | None
    subjects: int
    segments: int

    @property
    def sentence(self) -> str:
        """The result, e.g. "+8.1 dB SNR improvement (95 % interval 7.2 to 9.0, 7 subjects); …"."""
        return f"{self.figure}; {self.beside}" if self.filter else self.figure

    @property
    def figure(self) -> str:
        """The improvement with its interval and number of subjects."""
        subjects = f"{self.subjects} subject{'' if self.subjects == 1 else 's'}"
        ends = self.interval
        spread = f"95 % interval {ends[0]:.1f} to {ends[1]:.1f}, {subjects}" if ends else subjects
        return f"{self.improvement:+.1f} dB SNR improvement ({spread})"

    @property
    def beside(self) -> str:
        """The improvement of the best filter, "" if none was measured."""
        if not self.filter:
            return ""
        return f"best filter ({method_label(self.filter)}) {self.filter_improvement:+.1f} dB"

    def to_dict(self) -> dict[str, Any]:
        """Return the headline as plain values, for a manifest."""
        return asdict(self)

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> Headline:
        """Return the headline written by `to_dict`, also if it was stored as JSON."""
        pairs = {name: tree[name] and tuple(tree[name]) for name in _INTERVALS}
        return cls(**{**tree, **pairs})


_INTERVALS = ("interval", "difference_interval")


def headline(table: pd.DataFrame, method: str, draws: int = DRAWS, seed: int = 0) -> Headline:
    """Return the headline of a method.

    Args:
        table: One row per segment and method, as `evaluate_method` returns it, for the method and
            the classical filters on the same test.
        method: Name of the method in the table. The classical filters are the files of
            `evaluation/baselines`; other networks in the table are ignored.
        draws: Bootstrap resamplings of the subjects.
        seed: Seed of the bootstrap.

    Raises:
        DatasetError: The table has no noisy segment of the method.
    """
    best_method(table, [method])  # raises if the method has no noisy segment
    noisy, silent = noisy_rows(table), table[table["noise_type"] == NO_NOISE]
    own = noisy[noisy["method"] == method].dropna(subset="snr_improvement")
    values = own["snr_improvement"].to_numpy(dtype=np.float64)
    low, high = subject_interval(values[:, None], own["subject"].to_numpy(), draws, seed)
    left = silent.groupby("method")["snr_out"].mean().dropna()
    classical = set(plugins.names("evaluation/baselines")) - {method, NO_NOISE}
    filters = [name for name in table["method"].unique() if name in classical]
    best = best_method(table, filters) if filters else ""
    gain = compare(noisy, method, best, draws=draws, seed=seed) if best else None
    left_by_filters = left[left.index.isin(filters)]
    best_rows = noisy.loc[noisy["method"] == best, "snr_improvement"]
    return Headline(
        improvement=float(values.mean()),
        interval=_pair(low[0], high[0]),
        filter=best,
        filter_improvement=float(best_rows.mean()) if best else None,
        difference=gain["mean"] if gain else None,
        difference_interval=_pair(gain["low"], gain["high"]) if gain else None,
        untouched=float(left[method]) if method in left else None,
        filter_untouched=float(left_by_filters.max()) if len(left_by_filters) else None,
        subjects=int(own["subject"].nunique()),
        segments=len(own),
    )


def _pair(low: float, high: float) -> tuple[float, float] | None:
    return None if np.isnan(low) else (float(low), float(high))
