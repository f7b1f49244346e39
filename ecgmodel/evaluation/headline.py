"""The one figure that every place states for a test: mean SNR improvement beside the best filter's.

Command, report, flow run, tracking run, registry and verdict show what `headline` returns, so that
the same test never has two figures.
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
    """How a method does on a test, beside the best classical filter of the same test.

    Attributes:
        improvement: Mean SNR improvement over all noisy segments, dB.
        interval: Its 95 % interval by bootstrap over subjects; None for fewer than three.
        filter: The classical filter with the largest mean improvement, "" where none was measured.
        filter_improvement: That mean, dB.
        difference: Mean paired difference of the method and that filter, dB.
        difference_interval: Its 95 % interval; None for fewer than three subjects.
        untouched: Mean output SNR where no noise was added, dB; None where there is none.
        filter_untouched: The largest such mean of any classical filter, dB.
        subjects: Test subjects.
        segments: Noisy test segments.
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
        """The figure for people, e.g. "+8.1 dB (95 % interval 7.2 to 9.0, 7 people); …"."""
        return f"{self.figure}; {self.beside}" if self.filter else self.figure

    @property
    def figure(self) -> str:
        """The improvement with its interval and number of people."""
        people = f"{self.subjects} {'person' if self.subjects == 1 else 'people'}"
        ends = self.interval
        spread = f"95 % interval {ends[0]:.1f} to {ends[1]:.1f}, {people}" if ends else people
        return f"{self.improvement:+.1f} dB SNR improvement ({spread})"

    @property
    def beside(self) -> str:
        """The best filter's improvement, "" where none was measured."""
        if not self.filter:
            return ""
        return f"best filter ({method_label(self.filter)}) {self.filter_improvement:+.1f} dB"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, for a manifest."""
        return asdict(self)

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> Headline:
        """Return what `to_dict` wrote, also after a way through JSON."""
        pairs = {name: tree[name] and tuple(tree[name]) for name in _INTERVALS}
        return cls(**{**tree, **pairs})


_INTERVALS = ("interval", "difference_interval")


def headline(table: pd.DataFrame, method: str, draws: int = DRAWS, seed: int = 0) -> Headline:
    """Return the headline of a method.

    Args:
        table: One row a segment and method, as `evaluate_method` returns it, for the method and the
            classical filters of the same test.
        method: The method's name in the table; files of `evaluation/baselines` are the classical
            filters, and other networks have no part in it.
        draws: Bootstrap draws over subjects.
        seed: Of the draws.

    Raises:
        DatasetError: The table has no noisy segment of the method.
    """
    best_method(table, [method])  # says so where there is no figure
    noisy, silent = noisy_rows(table), table[table["noise_type"] == NO_NOISE]
    own = noisy[noisy["method"] == method].dropna(subset="snr_improvement")
    values = own["snr_improvement"].to_numpy(dtype=np.float64)
    low, high = subject_interval(values[:, None], own["subject"].to_numpy(), draws, seed)
    left = silent.groupby("method")["snr_out"].mean().dropna()
    classical = set(plugins.names("evaluation/baselines")) - {method, NO_NOISE}
    filters = [name for name in table["method"].unique() if name in classical]
    rival = best_method(table, filters) if filters else ""
    gain = compare(noisy, method, rival, draws=draws, seed=seed) if rival else None
    rivals_left = left[left.index.isin(filters)]
    rival_rows = noisy.loc[noisy["method"] == rival, "snr_improvement"]
    return Headline(
        improvement=float(values.mean()),
        interval=_pair(low[0], high[0]),
        filter=rival,
        filter_improvement=float(rival_rows.mean()) if rival else None,
        difference=gain["mean"] if gain else None,
        difference_interval=_pair(gain["low"], gain["high"]) if gain else None,
        untouched=float(left[method]) if method in left else None,
        filter_untouched=float(rivals_left.max()) if len(rivals_left) else None,
        subjects=int(own["subject"].nunique()),
        segments=len(own),
    )


def _pair(low: float, high: float) -> tuple[float, float] | None:
    return None if np.isnan(low) else (float(low), float(high))
