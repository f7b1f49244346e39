"""Summary statistics of a recording, comparable between recordings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from ecgmodel.errors import RecordError
from ecgmodel.signals.quality import QualitySettings, judge
from ecgmodel.signals.standard import FS, highpass
from ecgmodel.signals.windows import cut, window_starts

SECTION = 1024  # samples at 360 Hz (2.84 s), judged by the quality gate
PIECE = 11_520  # samples: 32 s, about 40 beats
# Samples processed at once, 128 s: a multiple of both.
_BLOCK = 46_080
# The peaks of QRS complexes fill about 1 % of the time; single spikes are rarer.
_LOW, _HIGH = 0.005, 0.995


@dataclass(frozen=True)
class RecordingStatistics:
    """Statistics of a recording; None where too few samples are usable.

    Attributes:
        sampling_rate_hz: Original sampling rate, Hz.
        amplitude_mv: Range between the 0.5 % and 99.5 % quantiles of 32 s after a 0.5 Hz
            high-pass, mV: about the height of the QRS complexes. Median over the pieces of a
            lead, mean over the leads.
        noise_mv: RMS of muscle noise, hum and residual motion between beats, mV, as measured by
            the quality gate. Median over the sections of a lead, mean over the leads.
        wander_mv: RMS below 0.5 Hz in 32 s, mV. Averaged like `amplitude_mv`.
        quality: Share of the usable sections of 1,024 samples that the quality gate keeps.
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
        """Return the statistics by name, JSON-serialisable."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RecordingStatistics:
        """Return the statistics from the dictionary of `to_dict`.

        Raises:
            RecordError: A statistic is missing or unknown.
        """
        known = {field.name for field in fields(cls)}
        if set(values) != known:
            raise RecordError(
                f"Expected the statistics {', '.join(sorted(known))}. Received: "
                f"{', '.join(sorted(values)) or 'none'}. They were written by another version: "
                "prepare the dataset or clean the recording again."
            )
        return cls(**values)


def describe(
    signal: np.ndarray,
    usable: np.ndarray,
    original_fs: float,
    settings: QualitySettings | None = None,
) -> RecordingStatistics:
    """Return the statistics of a recording.

    Reads 128 s of one lead at a time, so `signal` may be memory-mapped.

    Args:
        signal: `(samples, leads)` at 360 Hz, mV, with its offset and wander.
        usable: `(samples, leads)`, bool.
        original_fs: Original sampling rate, Hz.
        settings: Thresholds of the quality gate; None uses the defaults.

    Raises:
        RecordError: The shapes differ, or the signal is empty.
    """
    if signal.ndim != 2 or signal.shape != usable.shape or 0 in signal.shape:
        raise RecordError(
            "Expected signal and usable of one shape (samples, leads), not empty. "
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
    """Return the mean over the leads of each lead's median, without leads that have no value."""
    medians = [float(np.median(lead)) for lead in leads if lead.size]
    return round(float(np.mean(medians)), 6) if medians else None


def _measure(lead: np.ndarray, usable: np.ndarray, gate: QualitySettings) -> dict[str, np.ndarray]:
    """Return one lead's measures, an entry per piece or section."""
    parts = [_measure_block(x, good, gate) for x, good in _blocks(lead, usable)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _blocks(lead: np.ndarray, usable: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the lead block by block, with unusable samples linearly interpolated."""
    for start in range(0, len(lead), _BLOCK):
        x = np.array(lead[start : start + _BLOCK], dtype=np.float64)
        good = np.asarray(usable[start : start + _BLOCK]) & np.isfinite(x)
        if not good.all():
            known, at = np.flatnonzero(good), np.arange(len(x))
            x = np.interp(at, known, x[known]) if known.size else np.zeros_like(x)
        yield x, good


def _measure_block(x: np.ndarray, good: np.ndarray, gate: QualitySettings) -> dict[str, np.ndarray]:
    ecg = highpass(x[:, None])[:, 0]
    starts = window_starts(good, SECTION)
    verdict = judge(cut(ecg.astype(np.float32), starts, SECTION), FS, gate)
    s = verdict.scores
    noise = s["rms_mv"] * np.sqrt(s["muscle"] ** 2 + s["hum"] ** 2 + s["residual_motion"] ** 2)
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
    """Return range and wander of 32 s, None if less than half of the samples are usable."""
    here = slice(start, start + PIECE)
    known = good[here]
    if known.sum() < min(PIECE, len(ecg)) / 2:
        return None
    x = ecg[here][known]
    low, high = round(_LOW * (len(x) - 1)), round(_HIGH * (len(x) - 1))
    ranked = np.partition(x, (low, high))
    return float(ranked[high] - ranked[low]), float(slow[here][known].std())
