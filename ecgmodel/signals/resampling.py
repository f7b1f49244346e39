"""Resampling of a record to 360 Hz, mV and at most a length, with a mask of usable samples."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ecgmodel.errors import RecordError
from ecgmodel.signals.masks import MaskSettings, usable_samples
from ecgmodel.signals.standard import BEATS, FS, RECORDED, TARGET, USABLE, highpass

if TYPE_CHECKING:
    import pandas as pd

    from ecgmodel.wfdb.millivolts import Recording


class ResampleSettings(BaseModel):
    """Conversion of a record to millivolts at 360 Hz."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    length: int | None = Field(
        650_000,
        gt=0,
        description="Longest record, samples at 360 Hz: longer ones are trimmed. null keeps every "
        "sample.",
    )
    target: Literal["highpass", "as_recorded"] = Field(
        "highpass",
        description="The clean target: the recording after a zero-phase 0.5 Hz high-pass "
        "(highpass), or the recording itself (as_recorded).",
    )
    start_s: float = Field(0.0, ge=0, description="Start in the recording, s.")
    uncalibrated_gain: float | None = Field(
        None, gt=0, description="ADC units per mV for leads without a gain; null refuses them."
    )
    mask: MaskSettings = MaskSettings()

    @property
    def seconds(self) -> float | None:
        """The longest record, s; None keeps every sample."""
        return None if self.length is None else self.length / FS


def resample_record(
    source: Path,
    name: str,
    already_cut_s: float,
    beats: str,
    settings: ResampleSettings,
    into: Path,
) -> dict[str, Any]:
    """Read a record and write it at 360 Hz.

    Writes `recorded.npy` and `target.npy` (float32, mV), `usable.npy` (bool), all
    `(samples, leads)`, and `beats.parquet` (sample at 360 Hz, symbol) if there are reference beats.

    Args:
        source: The record's path without suffix.
        name: Database and record, e.g. "mitdb/100".
        already_cut_s: Start of the files in the original recording, s.
        beats: The annotator of the reference beats, "" for none.
        settings: Length, target, start and mask.
        into: The folder to write to.

    Returns:
        Facts for the manifest.

    Raises:
        RecordError: No sample of the record is usable, or its header and data disagree.
    """
    from ecgmodel.wfdb.millivolts import read_recording  # wfdb takes a second to import

    start_s = max(0.0, settings.start_s - already_cut_s)
    recording = read_recording(source, name, start_s, settings.seconds, settings.uncalibrated_gain)
    usable = usable_samples(recording.signal, recording.fs, settings.mask, recording.adc_ranges)
    if not usable.any():
        raise RecordError(
            f"{name} has no usable sample in leads {', '.join(recording.leads)}: "
            f"{_emptiness(recording)}. Leave the record out."
        )
    signal, usable_360 = to_standard_rate(recording.signal, usable, recording.fs)
    target = highpass(signal) if settings.target == "highpass" else signal
    length = len(signal) if settings.length is None else min(len(signal), settings.length)
    np.save(into / RECORDED, signal[:length].astype(np.float32))
    np.save(into / TARGET, target[:length].astype(np.float32))
    np.save(into / USABLE, usable_360[:length])
    annotations = _beats(source, beats, recording.fs, start_s, length)
    if annotations is not None:
        annotations.to_parquet(into / BEATS, index=False)
    return {
        "record": name,
        "original_fs": recording.fs,
        "fs": FS,
        "units": "mV",
        "leads": list(recording.leads),
        "samples": length,
        "usable_share": [round(float(u), 6) for u in usable_360[:length].mean(axis=0)],
        "beats": None if annotations is None else len(annotations),
        "remarks": list(recording.remarks),
        "target": settings.target,
    }


def to_standard_rate(
    signal: np.ndarray, usable: np.ndarray, fs: float
) -> tuple[np.ndarray, np.ndarray]:
    """Resample to 360 Hz by a polyphase filter; gaps are interpolated and stay masked.

    Args:
        signal: `(samples, leads)`, mV, NaN allowed.
        usable: `(samples, leads)`, bool.
        fs: Original rate, Hz.

    Returns:
        Signal and mask of `ceil(samples * 360 / fs)` samples. A new sample is usable if both
        neighbouring original samples are.
    """
    import scipy.signal

    filled = np.stack([_interpolated(lead) for lead in signal.T], axis=1)
    ratio = Fraction(FS / fs).limit_denominator(2000)
    if ratio == 1:
        return filled, usable
    length = int(np.ceil(len(signal) * float(ratio)))
    resampled = scipy.signal.resample_poly(
        filled, ratio.numerator, ratio.denominator, axis=0, padtype="line"
    )[:length]
    position = np.arange(len(resampled)) / float(ratio)
    before = np.minimum(np.floor(position).astype(int), len(usable) - 1)
    after = np.minimum(before + 1, len(usable) - 1)
    return resampled, usable[before] & usable[after]


def _interpolated(lead: np.ndarray) -> np.ndarray:
    """Return a lead with its missing samples interpolated; zeros if all are missing."""
    there = np.isfinite(lead)
    if there.all():
        return lead
    if not there.any():
        return np.zeros_like(lead)
    at = np.arange(len(lead))
    return np.interp(at, at[there], lead[there])


def _beats(
    source: Path, annotator: str, fs: float, start_s: float, real: int
) -> pd.DataFrame | None:
    """Return the reference beats inside the record, in samples at 360 Hz."""
    import pandas as pd

    from ecgmodel.wfdb.annotations import read_annotations

    if not annotator or not source.with_name(f"{source.name}.{annotator}").is_file():
        return None
    annotations = read_annotations(source, annotator)
    at = np.round((annotations.samples / (annotations.fs or fs) - start_s) * FS).astype(np.int64)
    inside = (at >= 0) & (at < real)
    return pd.DataFrame({"sample": at[inside], "symbol": annotations.symbols[inside]})


def _emptiness(recording: Recording) -> str:
    finite = recording.signal[np.isfinite(recording.signal)]
    if finite.size == 0:
        return "every sample is missing"
    if np.ptp(finite) == 0:
        return f"every sample is {finite[0]:g} mV"
    return "all samples are flat, clipped or missing"
