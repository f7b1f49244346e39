"""The quality gate: keeps windows with visible noise out of the targets, whatever the rhythm.

Every measure asks about what lies *between* and *under* the beats, so that wide, early or many
beats are not taken for noise. The thresholds were set on records of mitdb, nsrdb and qtdb that are
no test subjects, and on the same windows with noise of nstdb added.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
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

_LOW, _HIGH = 60.0, 135.0  # Hz: rates at which the slow and the fast bands are looked at
_MUSCLE_BAND = (20.0, 45.0)  # Hz: above T and most of QRS, below hum; sources of 128 Hz hold it
_HUM_BAND = (46.5, 63.5)  # Hz: power lines of 50 and 60 Hz
_SLOW_BELOW = 20.0  # Hz: P, QRS, T, electrode motion and wander
_BATCH = 512  # windows worked on at once: their spectra stay in the processor's cache
_TINY = 1e-9  # mV: keeps divisions finite; steps of converters are a thousand times larger
_SHORTEST_S = 1.0  # shorter windows need not hold a beat


def _share(default: float, what: str) -> float:
    """Return a field for a threshold that is a share of the window's RMS amplitude."""
    field: float = Field(default=default, gt=0, description=f"{what}, as a share of the RMS.")
    return field


class QualitySettings(BaseModel):
    """From which amount of noise on a window is no target.

    A window is left out when a measure exceeds its threshold. Shares refer to the RMS amplitude
    of the whole window, as the SNR does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(default=True, description="False keeps every finite window.")
    weakest_mv: float = Field(
        default=0.2, ge=0, description="A window has at least this range from peak to peak, mV."
    )
    largest_mv: float = Field(
        default=8.0, gt=0, description="No sample is further from zero than this, mV."
    )
    jumps: float = _share(
        0.8, "Spread of the level at quiet moments from which on a window is jumps, not beats"
    )
    muscle: float = _share(0.08, "Noise of 20-45 Hz in the quietest fifth of the window")
    muscle_burst: float = _share(0.13, "Noise of 20-45 Hz all through some half second")
    muscle_drowned: float = _share(
        0.25, "Noise of 20-45 Hz in the quietest fifth that is too much in any lead, however weak"
    )
    negligible_mv: float = Field(
        default=0.02,
        ge=0,
        description="Noise above 20 Hz below this RMS, mV, is the recorder's own and tolerated "
        "(mitdb's tape carries about 0.01 mV at 30 Hz).",
    )
    hum: float = _share(0.1, "Hum of 50 or 60 Hz that is there all the time")
    motion: float = _share(
        0.06, "Electrode motion: geometric mean of unrest and level spread at quiet moments"
    )
    motion_regular: float = _share(
        0.13, "The same for a window that repeats itself or is smooth, as fast and wide rhythms are"
    )
    motion_level: float = _share(
        0.27, "Level spread up to which there is no electrode motion, however restless it is"
    )
    motion_drowned: float = _share(
        0.14, "Geometric mean from which on there is motion at any level spread, regular or not"
    )
    sharpness: float = _share(
        0.1, "Loudest 20-45 Hz below which a window holds no sharp complex, so may be flutter"
    )
    motion_floor_mv: float = Field(
        default=0.004,
        ge=0,
        description="Unrest below this RMS, mV, is no electrode motion (the converter's rounding "
        "and small, rounded waves).",
    )
    repeats: float = Field(
        default=0.86,
        gt=0,
        le=1,
        description="A window repeats itself if it correlates this well with itself 0.3 to 1.4 s "
        "later.",
    )


@dataclass(frozen=True)
class WindowVerdict:
    """What the gate says about windows.

    Attributes:
        kept: `(windows,)`, bool.
        reason: `(windows,)`, str: "" for kept windows, else the first of `REASONS` that applies.
        scores: The measures by name, each `(windows,)`: `range_mv`, `peak_mv` and `rms_mv` in mV;
            `muscle`, `muscle_burst`, `sharpness`, `hum`, `unrest` and `level` as shares of the
            RMS; `repeat` in [-1, 1].
    """

    kept: np.ndarray
    reason: np.ndarray
    scores: dict[str, np.ndarray]


def judge(windows: np.ndarray, fs: float, settings: QualitySettings) -> WindowVerdict:
    """Judge how noisy windows of recorded ECG are.

    Each window is judged alone. The measures, all robust against what beats look like:

    - Muscle noise: RMS of 20-45 Hz in frames of 0.1 s. QRS complexes fill a part of the frames
      only, so the quietest fifth, and the least within any half second, are noise.
    - Hum: RMS of 46.5-63.5 Hz in the quietest fifth of such frames.
    - Electrode motion, wander and steps: between beats an ECG is both quiet and at one level.
      Unrest is what a parabola leaves of frames of 0.1 s below 20 Hz (their quietest 15 %); level
      spread is the deviation of the means of frames of 0.2 s, weighted by how quiet they are.
      Noise raises both; a fast rhythm raises only the first, ST deviation and wide beats only the
      second. So their geometric mean counts, where the level spreads, too; windows that repeat
      themselves or hold no sharp complex (flutter) may have more of it.

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
            f"The quality gate expects windows of shape (windows, samples) of at least "
            f"{_SHORTEST_S:g} s at {fs:g} Hz. Received shape {windows.shape}; choose a longer "
            "window, or switch the gate off with quality.enabled=false."
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
    audible = settings.negligible_mv / np.maximum(rms, _TINY)
    muscle = (
        (s["muscle"] > np.maximum(settings.muscle, audible))
        | (s["muscle_burst"] > np.maximum(settings.muscle_burst, audible))
        | (s["muscle"] > settings.muscle_drowned)
    )
    unrest_and_level = np.sqrt(s["unrest"] * level)
    regular = (s["repeat"] >= settings.repeats) | (s["sharpness"] < settings.sharpness)
    motion = (level > settings.motion_level) & (
        unrest_and_level > np.where(regular, settings.motion_regular, settings.motion)
    )
    motion |= unrest_and_level > settings.motion_drowned
    motion &= s["unrest"] * rms > settings.motion_floor_mv
    found = {
        "not finite": ~finite,
        "too weak": s["range_mv"] < settings.weakest_mv,
        "too large": s["peak_mv"] > settings.largest_mv,
        "no ECG": level > settings.jumps,
        "muscle": muscle,
        "hum": s["hum"] > np.maximum(settings.hum, audible),
        "motion": motion,
    }
    applied = REASONS if settings.enabled else REASONS[:1]
    reason = np.select([found[name] for name in applied], applied, default="")
    return WindowVerdict(kept=reason == "", reason=reason, scores=s)


def noisiness(scores: dict[str, np.ndarray], settings: QualitySettings) -> np.ndarray:
    """Return how noisy windows are: the largest measure, each as a multiple of its threshold.

    Around 1 the gate begins to leave windows out.

    Args:
        scores: Of `judge`, each `(windows,)`.
        settings: The thresholds.
    """
    s, rms = scores, scores["rms_mv"]
    audible = settings.negligible_mv / np.maximum(rms, _TINY)
    regular = (s["repeat"] >= settings.repeats) | (s["sharpness"] < settings.sharpness)
    motion = np.sqrt(s["unrest"] * s["level"])
    motion = motion / np.where(regular, settings.motion_regular, settings.motion)
    motion = motion * (s["unrest"] * rms > settings.motion_floor_mv)
    worst: np.ndarray = np.max(
        [
            s["muscle"] / np.maximum(settings.muscle, audible),
            s["muscle_burst"] / np.maximum(settings.muscle_burst, audible),
            s["hum"] / np.maximum(settings.hum, audible),
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
        "unrest": _quantile(_unrest(slow), 0.15) * share,
        "level": _level_spread(slow) * share,
        "repeat": _repeat(_moving(slow, 4) / 4),  # smooth: QRS need not coincide to the sample
    }


def _bands(x: np.ndarray, fs: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the slow band at 60 Hz, the muscle band and the hum band at 135 Hz."""
    samples = x.shape[1]
    # The Fourier transform joins a window's ends: take out the line between them, so that the
    # join is no step.
    first, rise = x[:, :1], x[:, -1:] - x[:, :1]
    spectrum = scipy.fft.rfft(x - first - rise * np.linspace(0, 1, samples, dtype=x.dtype))
    frequency = scipy.fft.rfftfreq(samples, 1 / fs)

    def band(low: float, high: float, soft: float, rate: float) -> np.ndarray:
        size = 2 * round(samples * rate / fs / 2)
        f = frequency[: size // 2 + 1]
        gain = np.clip((f - low) / soft + 0.5, 0, 1) * np.clip((high - f) / soft + 0.5, 0, 1)
        gain = (gain * size / samples).astype(np.float32)
        out: np.ndarray = scipy.fft.irfft(spectrum[:, : len(f)] * gain, size)
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
    """Return the value below which that share of each row lies (no interpolation)."""
    rank = int(share * (x.shape[1] - 1))
    value: np.ndarray = np.partition(x, rank, axis=1)[:, rank]
    return value


def _frame_rms(x: np.ndarray) -> np.ndarray:
    """Return the RMS in frames of 0.09 s, one every 0.03 s, of a signal at 135 Hz."""
    return np.sqrt(_moving(_blocks(x * x, 4), 3) / 12)


def _sustained(x: np.ndarray, size: int) -> np.ndarray:
    """Return the largest value that `size` neighbours in a row all reach."""
    size = min(size, x.shape[1])
    least = x[:, : x.shape[1] - size + 1].copy()
    for i in range(1, size):
        np.minimum(least, x[:, i : x.shape[1] - size + 1 + i], out=least)
    value: np.ndarray = least.max(axis=1)
    return value


def _unrest(slow: np.ndarray) -> np.ndarray:
    """Return the RMS that a parabola leaves in frames of 0.1 s, of a signal at 60 Hz."""
    size = 6
    powers = np.vander(np.linspace(-1, 1, size), 3)
    left = np.linalg.svd(powers.T)[2][3:].T.astype(np.float32)  # orthogonal to all parabolas
    frames = np.lib.stride_tricks.sliding_window_view(slow, size, axis=1)[:, ::2]
    residual = frames @ left
    unrest: np.ndarray = np.sqrt(np.einsum("ijk,ijk->ij", residual, residual) / size)
    return unrest


def _level_spread(slow: np.ndarray) -> np.ndarray:
    """Return the deviation of the means of quiet frames of 0.2 s, of a signal at 60 Hz."""
    mean = _moving(_blocks(slow, 2), 6) / 12
    variance = np.maximum(_moving(_blocks(slow * slow, 2), 6) / 12 - mean * mean, 0)
    quiet = _quantile(variance, 0.15)[:, None] + np.float32(_TINY)
    weight = np.square(quiet / (quiet + variance))
    weight /= weight.sum(axis=1, keepdims=True)
    centred = mean - (weight * mean).sum(axis=1, keepdims=True)
    spread: np.ndarray = np.sqrt((weight * centred * centred).sum(axis=1))
    return spread


def _repeat(slow: np.ndarray) -> np.ndarray:
    """Return the best correlation of a signal at 60 Hz with itself 0.3 to 1.4 s later."""
    samples = slow.shape[1]
    x = slow - slow.mean(axis=1, keepdims=True)
    lags = np.arange(int(0.3 * _LOW), min(int(1.42 * _LOW) + 1, samples // 2 + 1))
    size = scipy.fft.next_fast_len(samples + int(lags[-1]), real=True)
    spectrum = scipy.fft.rfft(x, size)
    product = scipy.fft.irfft(np.square(spectrum.real) + np.square(spectrum.imag), size)[:, lags]
    energy = np.cumsum(x * x, axis=1, dtype=np.float64)
    head, tail = energy[:, samples - 1 - lags], energy[:, -1:] - energy[:, lags - 1]
    best: np.ndarray = (product / np.sqrt(head * tail + _TINY)).max(axis=1)
    return best.astype(np.float32)
