"""The quality gate: excludes windows with visible noise from the targets, at any rhythm.

Every measure examines the signal *between* and *under* the beats, so that wide, early or frequent
beats are not mistaken for noise. The thresholds were set on records of mitdb, nsrdb and qtdb that
are not test subjects, and on the same windows with noise of nstdb added.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ecgmodel.errors import SettingsError

REASONS: tuple[str, ...] = (
    "not finite",
    "too weak",
    "too large",
    "no ECG",
    "muscle",
    "hum",
    "motion",
)

_LOW, _HIGH = 60.0, 135.0  # Hz: sampling rates of the slow and the fast bands
_MUSCLE_BAND = (20.0, 45.0)  # Hz: above T and most of QRS, below hum; complete at 128 Hz too
_HUM_BAND = (46.5, 63.5)  # Hz: power lines of 50 and 60 Hz
_SLOW_BELOW = 20.0  # Hz: P, QRS, T, electrode motion and wander
_BATCH = 512  # windows processed at once: their spectra fit into the CPU cache
_TINY = 1e-9  # mV: keeps divisions finite; an ADC unit is over a thousand times larger
_SHORTEST_S = 1.0  # shorter windows may contain no beat


def _share(default: float, what: str) -> float:
    """Return a field for a threshold that is a share of the window's RMS amplitude."""
    field: float = Field(default=default, gt=0, description=f"{what}, as a share of the RMS.")
    return field


class QualitySettings(BaseModel):
    """Thresholds of the quality gate.

    A window is excluded when a measure exceeds its threshold. Shares refer to the RMS amplitude of
    the whole window, like the SNR.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(default=True, description="false keeps every finite window.")
    weakest_mv: float = Field(
        default=0.2, ge=0, description="Smallest accepted peak-to-peak amplitude, mV."
    )
    largest_mv: float = Field(
        default=8.0, gt=0, description="Largest accepted absolute value of a sample, mV."
    )
    jumps: float = _share(
        0.8, "Largest baseline spread at quiet moments; above it the window is steps, not beats"
    )
    muscle: float = _share(0.08, "Largest 20-45 Hz noise in the quietest fifth of the window")
    muscle_burst: float = _share(0.13, "Largest 20-45 Hz noise that lasts for half a second")
    muscle_drowned: float = _share(
        0.25,
        "Largest 20-45 Hz noise in the quietest fifth, also of weak leads below negligible_mv",
    )
    negligible_mv: float = Field(
        default=0.02,
        ge=0,
        description="Noise above 20 Hz with an RMS below this, mV, is recorder noise and accepted "
        "(mitdb's tapes have about 0.01 mV at 30 Hz).",
    )
    hum: float = _share(0.1, "Largest continuous hum of 50 or 60 Hz")
    motion: float = _share(
        0.06,
        "Largest electrode motion: geometric mean of residual motion and baseline spread at quiet "
        "moments",
    )
    motion_regular: float = _share(
        0.13, "The same for windows that repeat or are smooth, like fast or wide rhythms"
    )
    motion_level: float = _share(
        0.27, "Baseline spread up to which residual motion is not electrode motion"
    )
    motion_drowned: float = _share(
        0.14, "Geometric mean above which a window has motion at any rhythm and baseline spread"
    )
    sharpness: float = _share(
        0.1, "Peak 20-45 Hz amplitude below which a window has no sharp QRS, as in flutter"
    )
    motion_floor_mv: float = Field(
        default=0.004,
        ge=0,
        description="Residual motion with an RMS below this, mV, is not electrode motion but "
        "quantisation or small, rounded waves.",
    )
    repeats: float = Field(
        default=0.86,
        gt=0,
        le=1,
        description="A window repeats if its autocorrelation at a lag of 0.3 to 1.4 s reaches "
        "this.",
    )


@dataclass(frozen=True)
class WindowVerdict:
    """The verdict of the quality gate.

    Attributes:
        kept: `(windows,)`, bool.
        reason: `(windows,)`, str: "" for kept windows, else the first of `REASONS` that applies.
        scores: The measures by name, each `(windows,)`: `range_mv`, `peak_mv` and `rms_mv` in mV;
            `muscle`, `muscle_burst`, `sharpness`, `hum`, `residual_motion` and `level` as shares of
            the RMS; `repeat` in [-1, 1].
    """

    kept: np.ndarray
    reason: np.ndarray
    scores: dict[str, np.ndarray]


def judge(windows: np.ndarray, fs: float, settings: QualitySettings) -> WindowVerdict:
    """Judge the noise in windows of recorded ECG.

    Each window is judged independently. The measures do not depend on the shape of the beats:

    - Muscle noise: RMS of 20-45 Hz in frames of 0.1 s. QRS complexes fill only some of the frames,
      so the quietest fifth, and the minimum within any half second, are noise.
    - Hum: RMS of 46.5-63.5 Hz in the quietest fifth of these frames.
    - Electrode motion, wander and steps: between beats an ECG is quiet and at one level. Residual
      motion is the RMS residual of a parabola fitted to frames of 0.1 s below 20 Hz (quietest
      15 %); baseline spread is the standard deviation of the means of frames of 0.2 s, weighted
      towards quiet frames. Noise raises both; a fast rhythm raises only the first, ST deviation
      and wide beats only the second. So their geometric mean is compared, provided that the
      baseline spread is high; windows that repeat or have no sharp QRS (flutter) get a higher
      threshold.

    Args:
        windows: `(windows, samples)`, mV, without offset (after a 0.5 Hz high-pass).
        fs: Sampling rate, Hz.
        settings: The thresholds.

    Returns:
        The verdict.

    Raises:
        SettingsError: The array is not `(windows, samples)`, or a window is shorter than 1 s.

    Example:
        >>> judge(np.zeros((1, 1024), np.float32), 360.0, QualitySettings()).reason.tolist()
        ['too weak']
    """
    if windows.ndim != 2 or windows.shape[1] < _SHORTEST_S * fs:
        raise SettingsError(
            f"The quality gate expects windows (windows, samples) of at least {_SHORTEST_S:g} s at "
            f"{fs:g} Hz. Received shape {windows.shape}. Choose a longer mix.window, or disable "
            "the gate with quality.enabled=false."
        )
    finite = np.isfinite(windows).all(axis=1)
    parts = [
        _scores(np.where(finite[i : i + _BATCH, None], windows[i : i + _BATCH], 0), fs)
        for i in range(0, max(len(windows), 1), _BATCH)
    ]
    scores = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return _verdict(finite, scores, settings)


def _verdict(
    finite: np.ndarray, s: dict[str, np.ndarray], settings: QualitySettings
) -> WindowVerdict:
    """Compare scores with thresholds."""
    rms, level = s["rms_mv"], s["level"]
    negligible = settings.negligible_mv / np.maximum(rms, _TINY)
    muscle = (
        (s["muscle"] > np.maximum(settings.muscle, negligible))
        | (s["muscle_burst"] > np.maximum(settings.muscle_burst, negligible))
        | (s["muscle"] > settings.muscle_drowned)
    )
    motion_score = np.sqrt(s["residual_motion"] * level)
    regular = (s["repeat"] >= settings.repeats) | (s["sharpness"] < settings.sharpness)
    motion = (level > settings.motion_level) & (
        motion_score > np.where(regular, settings.motion_regular, settings.motion)
    )
    motion |= motion_score > settings.motion_drowned
    motion &= s["residual_motion"] * rms > settings.motion_floor_mv
    found = {
        "not finite": ~finite,
        "too weak": s["range_mv"] < settings.weakest_mv,
        "too large": s["peak_mv"] > settings.largest_mv,
        "no ECG": level > settings.jumps,
        "muscle": muscle,
        "hum": s["hum"] > np.maximum(settings.hum, negligible),
        "motion": motion,
    }
    applied = REASONS if settings.enabled else REASONS[:1]
    reason = np.select([found[name] for name in applied], applied, default="")
    return WindowVerdict(kept=reason == "", reason=reason, scores=s)


def noisiness(scores: dict[str, np.ndarray], settings: QualitySettings) -> np.ndarray:
    """Return the noisiness of windows: the largest measure as a multiple of its threshold.

    The gate excludes windows from about 1 on.

    Args:
        scores: The scores of `judge`, each `(windows,)`.
        settings: The thresholds.
    """
    s, rms = scores, scores["rms_mv"]
    negligible = settings.negligible_mv / np.maximum(rms, _TINY)
    regular = (s["repeat"] >= settings.repeats) | (s["sharpness"] < settings.sharpness)
    motion = np.sqrt(s["residual_motion"] * s["level"])
    motion = motion / np.where(regular, settings.motion_regular, settings.motion)
    motion = motion * (s["residual_motion"] * rms > settings.motion_floor_mv)
    worst: np.ndarray = np.max(
        [
            s["muscle"] / np.maximum(settings.muscle, negligible),
            s["muscle_burst"] / np.maximum(settings.muscle_burst, negligible),
            s["hum"] / np.maximum(settings.hum, negligible),
            motion,
        ],
        axis=0,
    )
    return worst


def _scores(x: np.ndarray, fs: float) -> dict[str, np.ndarray]:
    """Return the measures of some windows `(windows, samples)`."""
    x = x.astype(np.float32, copy=False)
    slow, fast, hum = _bands(x, fs)
    rms = x.std(axis=1)
    share = 1 / np.maximum(rms, _TINY)
    loud = _frame_rms(fast)
    return {
        "range_mv": np.ptp(x, axis=1),
        "peak_mv": np.abs(x).max(axis=1),
        "rms_mv": rms,
        "muscle": _quantile(loud, 0.2) * share,
        "muscle_burst": _sustained(loud, 12) * share,
        "sharpness": _quantile(loud, 0.97) * share,
        "hum": _quantile(_frame_rms(hum), 0.2) * share,
        "residual_motion": _quantile(_residual_motion(slow), 0.15) * share,
        "level": _level_spread(slow) * share,
        "repeat": _repeat(_moving(slow, 4) / 4),  # smoothed: tolerates shifts by a sample
    }


def _bands(x: np.ndarray, fs: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the slow band at 60 Hz, the muscle band and the hum band at 135 Hz."""
    from scipy import fft  # the settings import this file, and SciPy takes half a second

    samples = x.shape[1]
    # The Fourier transform treats the window as periodic: subtract the line between its ends, so
    # that there is no step.
    first, rise = x[:, :1], x[:, -1:] - x[:, :1]
    spectrum = fft.rfft(x - first - rise * np.linspace(0, 1, samples, dtype=x.dtype))
    frequency = fft.rfftfreq(samples, 1 / fs)

    def band(low: float, high: float, soft: float, rate: float) -> np.ndarray:
        size = 2 * round(samples * rate / fs / 2)
        f = frequency[: size // 2 + 1]
        gain = np.clip((f - low) / soft + 0.5, 0, 1) * np.clip((high - f) / soft + 0.5, 0, 1)
        gain = (gain * size / samples).astype(np.float32)
        out: np.ndarray = fft.irfft(spectrum[:, : len(f)] * gain, size)
        return out

    slow = band(-_SLOW_BELOW, _SLOW_BELOW, 5.0, _LOW)
    places = np.arange(slow.shape[1], dtype=np.float32) * (samples / slow.shape[1] / (samples - 1))
    slow = slow + first + rise * places.astype(np.float32)
    return slow, band(*_MUSCLE_BAND, 5.0, _HIGH), band(*_HUM_BAND, 3.0, _HIGH)


def _blocks(x: np.ndarray, size: int) -> np.ndarray:
    """Return the sums over consecutive blocks of `size` samples."""
    whole = x.shape[1] // size * size
    total = x[:, 0:whole:size].copy()
    for i in range(1, size):
        total += x[:, i:whole:size]
    return total


def _moving(x: np.ndarray, size: int) -> np.ndarray:
    """Return the sums over every `size` neighbours."""
    total = x[:, : x.shape[1] - size + 1].copy()
    for i in range(1, size):
        total += x[:, i : x.shape[1] - size + 1 + i]
    return total


def _quantile(x: np.ndarray, share: float) -> np.ndarray:
    """Return a quantile of each row, without interpolation."""
    rank = int(share * (x.shape[1] - 1))
    value: np.ndarray = np.partition(x, rank, axis=1)[:, rank]
    return value


def _frame_rms(x: np.ndarray) -> np.ndarray:
    """Return the RMS of a signal at 135 Hz in frames of 0.09 s, every 0.03 s."""
    return np.sqrt(_moving(_blocks(x * x, 4), 3) / 12)


def _sustained(x: np.ndarray, size: int) -> np.ndarray:
    """Return the largest value that `size` consecutive frames all reach."""
    size = min(size, x.shape[1])
    least = x[:, : x.shape[1] - size + 1].copy()
    for i in range(1, size):
        np.minimum(least, x[:, i : x.shape[1] - size + 1 + i], out=least)
    value: np.ndarray = least.max(axis=1)
    return value


def _residual_motion(slow: np.ndarray) -> np.ndarray:
    """Return the RMS residual of parabolas fitted to frames of 0.1 s, of a signal at 60 Hz."""
    size = 6
    powers = np.vander(np.linspace(-1, 1, size), 3)
    complement = np.linalg.svd(powers.T)[2][3:].T.astype(np.float32)  # orthogonal to parabolas
    frames = np.lib.stride_tricks.sliding_window_view(slow, size, axis=1)[:, ::2]
    residual = frames @ complement
    residual_motion: np.ndarray = np.sqrt(np.einsum("ijk,ijk->ij", residual, residual) / size)
    return residual_motion


def _level_spread(slow: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the means of quiet 0.2 s frames, of a signal at 60 Hz."""
    mean = _moving(_blocks(slow, 2), 6) / 12
    variance = np.maximum(_moving(_blocks(slow * slow, 2), 6) / 12 - mean * mean, 0)
    quiet = _quantile(variance, 0.15)[:, None] + np.float32(_TINY)
    weight = np.square(quiet / (quiet + variance))
    weight /= weight.sum(axis=1, keepdims=True)
    centred = mean - (weight * mean).sum(axis=1, keepdims=True)
    spread: np.ndarray = np.sqrt((weight * centred * centred).sum(axis=1))
    return spread


def _repeat(slow: np.ndarray) -> np.ndarray:
    """Return the largest autocorrelation of a signal at 60 Hz at lags of 0.3 to 1.4 s."""
    from scipy import fft

    samples = slow.shape[1]
    x = slow - slow.mean(axis=1, keepdims=True)
    lags = np.arange(int(0.3 * _LOW), min(int(1.42 * _LOW) + 1, samples // 2 + 1))
    size = fft.next_fast_len(samples + int(lags[-1]), real=True)
    spectrum = fft.rfft(x, size)
    product = fft.irfft(np.square(spectrum.real) + np.square(spectrum.imag), size)[:, lags]
    energy = np.cumsum(x * x, axis=1, dtype=np.float64)
    head, tail = energy[:, samples - 1 - lags], energy[:, -1:] - energy[:, lags - 1]
    best: np.ndarray = (product / np.sqrt(head * tail + _TINY)).max(axis=1)
    return best.astype(np.float32)
