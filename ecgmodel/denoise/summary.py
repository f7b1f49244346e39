"""A cleaned recording in one row: length, noise by kind, quality, unreliable time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from ecgmodel.denoise.trust import Window, median_quality, unreliable
from ecgmodel.files import Recording
from ecgmodel.signals.noise_kinds import noise_kinds
from ecgmodel.support.samples import Samples


@dataclass(frozen=True)
class Summary:
    """A recording in one row; None where a value is unknown.

    Attributes:
        recording: Its name, with its folder.
        state: "cleaned" or "not cleaned".
        reason: Why it was not cleaned, "" if it was.
        seconds: Its length, s.
        leads: Number of leads.
        fs: Sampling rate, Hz.
        wander_mv: RMS of the removed baseline wander, below 0.5 Hz, mV.
        motion_mv: RMS of what was removed from 0.5 to 20 Hz, mV.
        hum_mv: RMS of the removed mains hum, mV.
        muscle_mv: RMS of what was removed above 20 Hz, without hum, mV.
        quality_before: Median quality of the input, 0 to 1.
        quality_after: Median quality of the output, 0 to 1.
        unreliable: Share of the time of all leads where the output is unreliable, 0 to 1.
        reasons: The reasons for it, with the share of each.
        file: The cleaned file, relative to the output folder, "" if there is none.
        report: Its report, relative to the output folder, "" if there is none.
    """

    recording: str
    state: str
    reason: str = ""
    seconds: float | None = None
    leads: int | None = None
    fs: float | None = None
    wander_mv: float | None = None
    motion_mv: float | None = None
    hum_mv: float | None = None
    muscle_mv: float | None = None
    quality_before: float | None = None
    quality_after: float | None = None
    unreliable: float | None = None
    reasons: str = ""
    file: str = ""
    report: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the values by name."""
        return asdict(self)


def summarise(name: str, ecg: Recording, cleaned: Samples, windows: Sequence[Window]) -> Summary:
    """Return the row of a cleaned recording, without its files.

    Args:
        name: The recording's name.
        ecg: The input.
        cleaned: The output, `(samples, leads)`, mV.
        windows: The assessment of each section of 10 s.
    """
    kinds = noise_kinds(ecg.signal, cleaned, ecg.fs)
    before, after = median_quality(windows) or (None, None)
    shares: dict[str, int] = {}
    for window in unreliable(windows):
        shares[window.reason] = shares.get(window.reason, 0) + window.stop - window.start
    samples = len(ecg.signal) * len(ecg.leads)
    ordered = sorted(shares.items(), key=lambda one: -one[1])
    return Summary(
        recording=name,
        state="cleaned",
        seconds=round(len(ecg.signal) / ecg.fs, 3),
        leads=len(ecg.leads),
        fs=float(ecg.fs),
        wander_mv=_known(kinds.wander),
        motion_mv=_known(kinds.motion),
        hum_mv=_known(kinds.hum),
        muscle_mv=_known(kinds.muscle),
        quality_before=before,
        quality_after=after,
        unreliable=round(sum(shares.values()) / samples, 6),
        reasons=", ".join(f"{reason} {100 * count / samples:.1f} %" for reason, count in ordered),
    )


def _known(value: float) -> float | None:
    return round(value, 6) if isfinite(value) else None
