"""The minutes of recordings that came out worst, found and drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import Any

from matplotlib.figure import Figure

from ecgmodel.denoise.trust import Cleaned, Window
from ecgmodel.evaluation.before_after import before_after_figure
from ecgmodel.files import Ecg
from ecgmodel.support.units import clock

MINUTE_S = 60
# There is nothing to see where there was no signal.
_NOTHING = ("missing", "lead off")


@dataclass(frozen=True)
class Minute:
    """A minute of a lead.

    Attributes:
        recording: The recording's name.
        lead: Number of the lead, from 0.
        start_s: Where it starts, s.
        quality_in: Mean quality before, from 0 to 1; see `assessment.Window`.
        quality_out: Mean quality after.
        reasons: Why the network is unreliable here, "" for nothing.
        windows: Its windows of 10 s.
    """

    recording: str
    lead: int
    start_s: int
    quality_in: float
    quality_out: float
    reasons: str
    windows: tuple[Window, ...]

    @property
    def clock(self) -> str:
        """Where it starts, as h:mm:ss."""
        return clock(self.start_s)


def read_windows(trees: Iterable[Mapping[str, Any]]) -> list[Window]:
    """Return windows that `Window.to_dict` wrote; None becomes NaN."""
    nan = float("nan")
    known: list[dict[str, Any]] = [
        {name: nan if value is None else value for name, value in tree.items()} for tree in trees
    ]
    return [Window(**values) for values in known]


def median_quality(windows: Sequence[Window]) -> tuple[float, float] | None:
    """Return the median quality before and after, None where neither is known."""
    known = [w for w in windows if w.quality_in == w.quality_in and w.quality_out == w.quality_out]
    if not known:
        return None
    return median(w.quality_in for w in known), median(w.quality_out for w in known)


def worst_minutes(
    recordings: Mapping[str, tuple[float, Sequence[Window]]], count: int
) -> list[Minute]:
    """Return the minutes of lowest quality after cleaning, at most one a recording and lead.

    Args:
        recordings: By name, the sampling rate, Hz, and the windows.
        count: How many minutes at most.
    """
    worst: list[Minute] = []
    for name, (fs, windows) in recordings.items():
        groups: dict[tuple[int, int], list[Window]] = {}
        for window in windows:
            if window.reason not in _NOTHING and window.quality_out == window.quality_out:
                at = int(window.start / fs) // MINUTE_S
                groups.setdefault((window.lead, at), []).append(window)
        minutes = [_minute(name, lead, at, group) for (lead, at), group in groups.items()]
        by_lead: dict[int, Minute] = {}
        for minute in sorted(minutes, key=lambda m: m.quality_out):
            by_lead.setdefault(minute.lead, minute)
        worst += by_lead.values()
    return sorted(worst, key=lambda m: m.quality_out)[:count]


def minute_figure(minute: Minute, before: Ecg, after: Ecg) -> Figure:
    """Draw the noisiest seconds of a minute, before and after.

    Args:
        minute: Which.
        before: The recording, `(samples, leads)` in mV.
        after: The same, cleaned.
    """
    lead = slice(minute.lead, minute.lead + 1)
    noisy, clean = before.signal[:, lead], after.signal[:, lead]
    windows = tuple(replace(window, lead=0) for window in minute.windows)
    cleaned = Cleaned(clean, noisy - clean, windows)
    return before_after_figure(noisy, cleaned, before.fs, before.leads[lead])


def _minute(name: str, lead: int, at: int, windows: Sequence[Window]) -> Minute:
    reasons = ", ".join(dict.fromkeys(w.reason for w in windows if w.reason))
    known = [w.quality_in for w in windows if w.quality_in == w.quality_in]
    before = fmean(known) if known else float("nan")
    after = fmean(w.quality_out for w in windows)
    return Minute(name, lead, at * MINUTE_S, before, after, reasons, tuple(windows))
