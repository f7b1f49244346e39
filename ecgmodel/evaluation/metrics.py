"""Metrics of the error between a denoised and a clean segment.

Most metrics are computed over metric windows, equal parts of a segment, and averaged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import SettingsError
from ecgmodel.support.decibels import decibels

Array = NDArray[Any]

FS = 360.0
WINDOW = 1024
DRIFT_HZ = 0.5
FLAT_MV2 = 1e-12
"""Clean power below which a metric window is flat (1 nV RMS; an ADC unit is about 5 uV)."""


@dataclass(frozen=True)
class Metric:
    """Description of a column of the result tables.

    Attributes:
        label: Name in tables and figures.
        unit: Unit, or "".
        higher_is_better: Direction, which defines the worst record.
        digits: Decimal places in tables.
    """

    label: str
    unit: str
    higher_is_better: bool
    digits: int


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "snr_in": Metric("SNR in", "dB", True, 2),
        "snr_out": Metric("SNR out", "dB", True, 2),
        "snr_improvement": Metric("SNR improvement", "dB", True, 2),
        "rmse": Metric("RMSE", "mV", False, 4),
        "prd": Metric("PRD", "%", False, 1),
        "cossim": Metric("CosSim", "", True, 4),
        "mad": Metric("Largest error (MAD)", "mV", False, 3),
        "drift": Metric("Drift error (below 0.5 Hz)", "mV", False, 4),
        "shape": Metric("Shape error (above 0.5 Hz)", "mV", False, 4),
    }
)


def cut_windows(segments: Array, window: int = WINDOW) -> Array:
    """Divide segments into equal metric windows of at least `window` samples.

    Filters and tiles have their largest errors at the end of a segment, so that the rest is not
    dropped; instead the metric windows are slightly longer. 11,520 samples and a minimum of 1,024
    give 11 metric windows of 1,047 samples. Only the last few samples are left out.

    Args:
        segments: `(n, samples)`.
        window: Minimum length of a metric window, samples.

    Returns:
        `(n, windows, samples // windows)`, a view.

    Raises:
        SettingsError: The segments are shorter than `window`.
    """
    samples = segments.shape[-1]
    if not 1 <= window <= samples:
        raise SettingsError(
            f"Expected a metric window of 1 to {samples} samples, the length of a segment. "
            f"Received: window={window}"
        )
    count = samples // window
    length = samples // count
    return segments[..., : count * length].reshape(*segments.shape[:-1], count, length)


def snr(clean: Array, other: Array) -> Array:
    """Return the signal-to-noise ratio of `other` along the last axis, dB.

    `10 log10(mean((y - mean y)^2) / mean((p - y)^2))`: the mean of the clean signal is removed,
    that of the error is not. NaN if the clean signal is flat or the error is exactly zero.

    Args:
        clean: y, mV.
        other: p, mV, of the same shape.
    """
    power = np.var(clean, axis=-1)
    error = np.mean((other - clean) ** 2, axis=-1)
    return decibels(np.where(power > FLAT_MV2, power, 0.0), error)


def rmse(clean: Array, other: Array) -> Array:
    """Return `sqrt(mean((p - y)^2))` along the last axis, mV."""
    return np.asarray(np.sqrt(np.mean((other - clean) ** 2, axis=-1)))


def prd(clean: Array, other: Array) -> Array:
    """Return the percentage root-mean-square difference along the last axis, %.

    `100 sqrt(sum((p - y)^2) / sum((y - mean y)^2))`, the mean-free form (Zigel, Cohen and Katz
    2000, "The weighted diagnostic distortion measure for ECG signal compression"). NaN if the
    clean signal is flat.
    """
    power = np.var(clean, axis=-1)
    power = np.where(power > FLAT_MV2, power, np.nan)
    return np.asarray(100 * np.sqrt(np.mean((other - clean) ** 2, axis=-1) / power))


def squared_error(clean: Array, other: Array) -> Array:
    """Return the sum of squared distances (SSD) `sum((p - y)^2)` along the last axis, mV^2."""
    return np.asarray(np.sum((other - clean) ** 2, axis=-1))


def prd_output(clean: Array, other: Array, center: float) -> Array:
    """Return the PRD of DeepFilter along the last axis, %: the error over the *output's* energy.

    `100 sqrt(sum((p - y)^2) / sum((p - c)^2))`, as computed in the code of Romero et al. (2021).
    Unlike the usual PRD, it favours large outputs. NaN if the output is constantly `c`.

    Args:
        clean: y, mV.
        other: p, mV, of the same shape.
        center: c, the mean of all clean samples of the test set, mV.
    """
    energy = np.sum((other - center) ** 2, axis=-1)
    ratio = squared_error(clean, other) / np.where(energy > 0, energy, np.nan)
    return np.asarray(100 * np.sqrt(ratio))


def cosine_similarity(clean: Array, other: Array) -> Array:
    """Return `y.p / (|y| |p|)` along the last axis; NaN if either is zero."""
    norms = np.sqrt(np.sum(clean**2, axis=-1) * np.sum(other**2, axis=-1))
    return np.asarray(np.sum(clean * other, axis=-1) / np.where(norms > 0, norms, np.nan))


def largest_error(clean: Array, other: Array) -> Array:
    """Return the maximum absolute distance `max |p - y|` along the last axis, mV."""
    return np.asarray(np.max(np.abs(other - clean), axis=-1))


def split_error(clean: Array, other: Array, fs: float = FS) -> tuple[Array, Array]:
    """Return the RMSE below 0.5 Hz ("drift") and above it ("shape"), mV.

    The error of the whole segment is low-pass filtered by a fourth-order Butterworth filter,
    applied forwards and backwards (zero phase); the shape error is the remainder. 0.5 Hz is the
    cutoff of the target's high-pass filter (AHA/ACC/HRS 2007).

    Args:
        clean: y, `(..., samples)`, mV.
        other: p, mV, of the same shape.
        fs: Sampling rate, Hz.
    """
    error = other - clean
    drift = drift_of(error, fs)
    return (
        np.sqrt(np.mean(drift**2, axis=-1)),
        np.sqrt(np.mean((error - drift) ** 2, axis=-1)),
    )


def drift_of(error: Array, fs: float = FS) -> Array:
    """Return the part of an error below 0.5 Hz, mV; see `split_error`.

    Args:
        error: `(..., samples)`, mV.
        fs: Sampling rate, Hz.
    """
    from scipy import signal as dsp  # the settings import this file, and SciPy takes a second

    sections = dsp.butter(4, DRIFT_HZ, fs=fs, output="sos")
    padding = min(error.shape[-1] - 1, round(4 * fs))
    drift: Array = dsp.sosfiltfilt(sections, error, axis=-1, padtype="even", padlen=padding)
    return drift


def per_window(
    clean: Array, noisy: Array, denoised: Array, window: int = WINDOW
) -> dict[str, Array]:
    """Return metrics by metric window.

    Args:
        clean: The target, `(n, samples)` in mV.
        noisy: Input of the method, of the same shape.
        denoised: Output of the method, of the same shape.
        window: Minimum length of a metric window, samples; see `cut_windows`.

    Returns:
        By name (see `METRICS`), arrays `(n, windows)`.
    """
    y, x, p = (cut_windows(np.asarray(a, np.float64), window) for a in (clean, noisy, denoised))
    snr_in, snr_out = snr(y, x), snr(y, p)
    return {
        "snr_in": snr_in,
        "snr_out": snr_out,
        "snr_improvement": snr_out - snr_in,
        "rmse": rmse(y, p),
        "prd": prd(y, p),
        "cossim": cosine_similarity(y, p),
        "mad": largest_error(y, p),
    }


def measure(
    clean: Array, noisy: Array, denoised: Array, window: int = WINDOW, fs: float = FS
) -> dict[str, Array]:
    """Return every metric of `METRICS` by segment.

    Metrics are averaged over the metric windows of a segment in which they are defined (a flat
    one has no SNR); drift and shape are computed over the whole segment.

    Args:
        clean: The target, `(n, samples)` in mV.
        noisy: Input of the method, of the same shape.
        denoised: Output of the method, of the same shape.
        window: Minimum length of a metric window, samples; see `cut_windows`.
        fs: Sampling rate, Hz.

    Returns:
        By name, arrays `(n,)`; NaN if the metric is undefined in all metric windows.
    """
    windows = per_window(clean, noisy, denoised, window)
    result = {name: mean_of_known(values, axis=-1) for name, values in windows.items()}
    y, p = np.asarray(clean, np.float64), np.asarray(denoised, np.float64)
    result["drift"], result["shape"] = split_error(y, p, fs)
    return result


def mean_of_known(values: Array, axis: int) -> Array:
    """Return the mean of the values that are not NaN; NaN, without a warning, if all are NaN."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
