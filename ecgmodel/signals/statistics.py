"""What a recording is like, in a handful of figures that can be compared from one to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from ecgmodel.errors import RecordError
from ecgmodel.signals.quality import QualitySettings, judge
from ecgmodel.signals.resampling import FS, highpass
from ecgmodel.signals.windows import cut, window_starts

WINDOW = 1024  # samples at 360 Hz: what the quality gate looks at
PIECE = 11_520  # samples: 32 s, some 40 beats
# Samples that are worked on at once: a whole number of windows and of pieces, 128 s.
_BLOCK = 46_080
# A QRS complex has its peaks for some 1 % of the time; single spikes are rarer.
_LOW, _HIGH = 0.005, 0.995


@dataclass(frozen=True)
class RecordingStatistics:
    """A recording in figures; None where too little of it is usable to tell.

    Attributes:
        sampling_rate_hz: At which it was recorded, Hz.
        amplitude_mv: Range between the 0.5 % and 99.5 % quantiles of 32 s after a 0.5 Hz
            high-pass, mV: about the height of the QRS complexes. Median over the pieces of a
            lead, mean over the leads.
        noise_mv: RMS between beats of muscle noise, hum and unrest, mV: what the quality gate
            measures there. Median over the windows of a lead, mean over the leads.
        wander_mv: RMS of what lies below 0.5 Hz in 32 s, mV. As `amplitude_mv`.
        quality: Share of the usable windows of 1,024 samples that the quality gate keeps.
        usable: Share of samples that are neither missing, flat nor clipped.
        duration_s: Length, s.
    """

    sampling_rate_hz: float
    amplitude_mv: float | None
    noise_mv: float | None
    wander_mv: float | None
    quality: float | None
    usable: float
    duration_s: float

    def to_dict(self) -> dict[str, float | None]:
        """Return the figures by name, JSON-able."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RecordingStatistics:
        """Return what `to_dict` made a dictionary of.

        Raises:
            RecordError: A figure is missing, or there is one too many.
        """
        known = {field.name for field in fields(cls)}
        if set(values) != known:
            raise RecordError(
                f"Expected the statistics {', '.join(sorted(known))}. Received: "
                f"{', '.join(sorted(values)) or 'none'}. Make the dataset or recording again."
            )
        return cls(**values)


def describe(
    signal: np.ndarray,
    usable: np.ndarray,
    original_fs: float,
    settings: QualitySettings | None = None,
) -> RecordingStatistics:
    """Return what a recording is like.

    Memory holds a piece of one lead at a time, so `signal` may be mapped from a file.

    Args:
        signal: `(samples, leads)` at 360 Hz, mV, as recorded: with its offset and wander.
        usable: `(samples, leads)`, bool.
        original_fs: Its rate before it was resampled, Hz.
        settings: The quality gate; None takes the default one.

    Raises:
        RecordError: The shapes differ, or nothing is there.
    """
    if signal.ndim != 2 or signal.shape != usable.shape or 0 in signal.shape:
        raise RecordError(
            "Expected signal and usable of one shape (samples, leads), neither of them 0. "
            f"Received: signal {signal.shape}, usable {usable.shape}."
        )
    gate = settings or QualitySettings()
    leads = [_measure(signal[:, i], usable[:, i], gate) for i in range(signal.shape[1])]
    kept = np.concatenate([lead["kept"] for lead in leads])
    return RecordingStatistics(
        sampling_rate_hz=float(original_fs),
        amplitude_mv=_typical([lead["amplitude"] for lead in leads]),
        noise_mv=_typical([lead["noise"] for lead in leads]),
        wander_mv=_typical([lead["wander"] for lead in leads]),
        quality=round(float(kept.mean()), 6) if kept.size else None,
        usable=round(float(np.mean([usable[:, i].mean() for i in range(usable.shape[1])])), 6),
        duration_s=round(len(signal) / FS, 3),
    )


def _typical(leads: list[np.ndarray]) -> float | None:
    """Return the mean over the leads of the median of each; leads without a value do not count."""
    medians = [float(np.median(lead)) for lead in leads if lead.size]
    return round(float(np.mean(medians)), 6) if medians else None


def _measure(lead: np.ndarray, usable: np.ndarray, gate: QualitySettings) -> dict[str, np.ndarray]:
    """Return one lead's figures, an entry a piece or window."""
    parts = [_measure_block(x, good, gate) for x, good in _blocks(lead, usable)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _blocks(lead: np.ndarray, usable: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the lead block by block, what is not usable bridged by straight lines."""
    for start in range(0, len(lead), _BLOCK):
        x = np.array(lead[start : start + _BLOCK], dtype=np.float64)
        good = np.asarray(usable[start : start + _BLOCK]) & np.isfinite(x)
        if not good.all():
            there, at = np.flatnonzero(good), np.arange(len(x))
            x = np.interp(at, there, x[there]) if there.size else np.zeros_like(x)
        yield x, good


def _measure_block(x: np.ndarray, good: np.ndarray, gate: QualitySettings) -> dict[str, np.ndarray]:
    ecg = highpass(x[:, None])[:, 0]
    starts = window_starts(good, WINDOW)
    verdict = judge(cut(ecg.astype(np.float32), starts, WINDOW), FS, gate)
    s = verdict.scores
    noise = s["rms_mv"] * np.sqrt(s["muscle"] ** 2 + s["hum"] ** 2 + s["unrest"] ** 2)
    pieces = [_piece(ecg, x - ecg, good, start) for start in range(0, len(x), PIECE)]
    found = np.array([piece for piece in pieces if piece is not None]).reshape(-1, 2)
    return {
        "amplitude": found[:, 0],
        "wander": found[:, 1],
        "noise": noise[: len(starts)],
        "kept": verdict.kept[: len(starts)],
    }


def _piece(
    ecg: np.ndarray, slow: np.ndarray, good: np.ndarray, start: int
) -> tuple[float, float] | None:
    """Return range and wander of 32 s, None if less than half of them can be used."""
    here = slice(start, start + PIECE)
    there = good[here]
    if there.sum() < min(PIECE, len(ecg)) / 2:
        return None
    x = ecg[here][there]
    low, high = round(_LOW * (len(x) - 1)), round(_HIGH * (len(x) - 1))
    ranked = np.partition(x, (low, high))
    return float(ranked[high] - ranked[low]), float(slow[here][there].std())
