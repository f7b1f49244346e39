"""The minutes of lowest quality after cleaning: selection and figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from matplotlib.figure import Figure

from ecgmodel.denoise.trust import Window
from ecgmodel.evaluation.before_after import before_after_figure
from ecgmodel.evaluation.sheet import Drawn
from ecgmodel.files import Ecg
from ecgmodel.support.units import clock

MINUTE_S = 60
# Reasons of windows without a signal, which are not worth a figure.
_NO_SIGNAL = ("missing", "lead off")


@dataclass(frozen=True)
class Minute:
    """A minute of a lead.

    Attributes:
        recording: Name of the recording.
        lead: Number of the lead, from 0.
        start_s: Start, s.
        quality_in: Mean quality before cleaning, from 0 to 1; see `ecgmodel.denoise.trust.Window`.
        quality_out: Mean quality after cleaning.
        reasons: Reasons why the network is unreliable here, "" if it is reliable.
        windows: The assessed parts of 10 s in this minute.
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
        """Start, as h:mm:ss."""
        return clock(self.start_s)


def read_windows(trees: Iterable[Mapping[str, Any]]) -> list[Window]:
    """Return windows written by `Window.to_dict`; None becomes NaN."""
    nan = float("nan")
    known: list[dict[str, Any]] = [
        {name: nan if value is None else value for name, value in tree.items()} for tree in trees
    ]
    return [Window(**values) for values in known]


def worst_minutes(
    recordings: Mapping[str, tuple[float, Sequence[Window]]], count: int
) -> list[Minute]:
    """Return the minutes of lowest quality after cleaning, at most one per recording and lead.

    Args:
        recordings: Sampling rate (Hz) and assessed windows of each recording, by name.
        count: Maximum number of minutes.
    """
    worst: list[Minute] = []
    for name, (fs, windows) in recordings.items():
        groups: dict[tuple[int, int], list[Window]] = {}
        for window in windows:
            if window.reason not in _NO_SIGNAL and window.quality_out == window.quality_out:
                at = int(window.start / fs) // MINUTE_S
                groups.setdefault((window.lead, at), []).append(window)
        minutes = [_minute(name, lead, at, group) for (lead, at), group in groups.items()]
        by_lead: dict[int, Minute] = {}
        for minute in sorted(minutes, key=lambda m: m.quality_out):
            by_lead.setdefault(minute.lead, minute)
        worst += by_lead.values()
    return sorted(worst, key=lambda m: m.quality_out)[:count]


def minute_figure(minute: Minute, before: Ecg, after: Ecg) -> Figure:
    """Draw the noisiest seconds of a minute, before and after cleaning.

    Args:
        minute: The minute.
        before: The recording, `(samples, leads)` in mV.
        after: The cleaned recording.
    """
    lead = slice(minute.lead, minute.lead + 1)
    noisy, clean = before.signal[:, lead], after.signal[:, lead]
    windows = tuple(replace(window, lead=0) for window in minute.windows)
    return before_after_figure(Drawn(noisy, clean, windows, before.fs, before.leads[lead]))


def _minute(name: str, lead: int, at: int, windows: Sequence[Window]) -> Minute:
    reasons = ", ".join(dict.fromkeys(w.reason for w in windows if w.reason))
    known = [w.quality_in for w in windows if w.quality_in == w.quality_in]
    before = fmean(known) if known else float("nan")
    after = fmean(w.quality_out for w in windows)
    return Minute(name, lead, at * MINUTE_S, before, after, reasons, tuple(windows))
