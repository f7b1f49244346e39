"""Small WFDB records for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import wfdb


def ecg(seconds: float, fs: float, rate: float = 70.0, seed: int = 0) -> np.ndarray:
    """Return a plain, clean ECG (samples,), mV: Gaussians for P, Q, R, S and T at every beat."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * fs)) / fs
    signal = np.zeros_like(t)
    at = 0.4
    while at < seconds:
        for delay, height, width in (
            *((-0.17, 0.12, 0.025), (-0.025, -0.1, 0.008), (0.0, 1.2, 0.011)),
            *((0.03, -0.25, 0.010), (0.26, 0.3, 0.05)),
        ):
            signal += height * np.exp(-0.5 * ((t - at - delay) / width) ** 2)
        at += 60.0 / rate * (1 + 0.04 * rng.standard_normal())
    return signal + 0.004 * rng.standard_normal(len(t))


def write_record(
    folder: Path,
    name: str,
    signal: np.ndarray,
    fs: float,
    leads: tuple[str, ...] = ("ECG1",),
    gain: float = 200.0,
    baseline: int = 0,
    units: str = "mV",
    fmt: str = "16",
) -> Path:
    """Write a record `(samples, leads)` in mV, and return its path without suffix."""
    folder.mkdir(parents=True, exist_ok=True)
    signal = signal if signal.ndim == 2 else signal[:, None]
    count = signal.shape[1]
    digital = np.round(np.nan_to_num(signal, nan=-160.0) * gain + baseline).astype(np.int64)
    digital[np.isnan(signal)] = -32768 if fmt == "16" else -2048
    wfdb.wrsamp(
        name,
        fs=fs,
        units=[units] * count,
        sig_name=list(leads) if len(leads) == count else [f"ECG{i + 1}" for i in range(count)],
        d_signal=digital,
        fmt=[fmt] * count,
        adc_gain=[gain] * count,
        baseline=[baseline] * count,
        write_dir=str(folder),
    )
    return folder / name


def write_frames(
    folder: Path,
    name: str,
    frame_fs: float,
    signals: dict[str, tuple[int, np.ndarray]],
    other: str = "mmHg",
) -> Path:
    """Write a record of several samples a frame, 200 steps a unit, in format 16.

    Args:
        folder: Where.
        name: Its name.
        frame_fs: Frames a second, Hz.
        signals: By name, samples a frame and the samples; the first signal is in mV.
        other: The unit of the others.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts, samples = zip(*signals.values(), strict=True)
    steps = [np.round(np.nan_to_num(v, nan=-163.84) * 200).astype(np.int64) for v in samples]
    wfdb.wrsamp(
        name,
        fs=frame_fs,
        units=["mV", *[other] * (len(signals) - 1)],
        sig_name=list(signals),
        e_d_signal=steps,
        samps_per_frame=list(counts),
        fmt=["16"] * len(signals),
        adc_gain=[200.0] * len(signals),
        baseline=[0] * len(signals),
        write_dir=str(folder),
    )
    return folder / name
