"""Simulated ECG: each beat is a sum of Gaussian waves around an exactly known R peak.

The model is the dynamical one of McSharry et al. (2003, IEEE Trans. Biomed. Eng. 50:289) in its
closed form (Sameni et al. 2007, IEEE Trans. Biomed. Eng. 54:2172), as a function of time instead of
phase: the waves of neighbouring beats add up, so there are no steps between beats.

Realistic: heart rates and their variability with respiration and at 0.1 Hz, a QT interval that
shortens with the rate, premature ventricular and atrial beats with their pauses, wide QRS
complexes of bundle-branch block and pacing, and two different leads. Not realistic: one shape per
kind of beat in a record (except for jitter and respiration); no ischaemia, fibrillation, couplets
or intermittent conduction; P waves vanish under ectopic beats; the waves of both leads peak
simultaneously. A good result on simulated ECG is no evidence of performance on patients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgmodel.support.randomness import generator

FS = 128.0
LEADS = ("ECG1", "ECG2")
Floats = NDArray[np.float64]

_TACHOGRAM_FS = 4.0  # Hz; the usual rate for heart-rate series, far above respiration
_LEAD_IN = 3.0  # s simulated before the start and after the end, for natural edges
_RECORDER_NOISE = 0.005  # mV RMS; without it the signal between beats would be exactly flat


class Wave(NamedTuple):
    """One Gaussian wave of a beat, with the range of its amplitude over subjects.

    Args:
        at: Time of its peak relative to the R peak, s, at an RR interval of 1 s.
        sigma: Its standard deviation, s (a wave spans about four of them).
        first: Lowest and highest amplitude in the first lead, relative to a narrow R wave.
        second: The same for the second lead.
        power: Exponent of the RR interval: the peak is at `at * RR**power`. 0.5 is Bazett's
            formula for QT.
        skew: Asymmetry: rise time over fall time is (1 + skew) / (1 - skew), skew in -1 .. 1.
    """

    at: float
    sigma: float
    first: tuple[float, float]
    second: tuple[float, float]
    power: float = 0.0
    skew: float = 0.0


# Times and widths after McSharry's table I (theta and b, converted to seconds at 60 beats/min) and
# the normal range of the QRS duration (80 to 110 ms); wide complexes last 130 to 180 ms.
_P = Wave(-0.160, 0.022, (0.06, 0.18), (0.03, 0.11), power=0.25)
_Q = Wave(-0.026, 0.0095, (-0.18, -0.01), (-0.06, 0.0))
_R = Wave(0.0, 0.0115, (1.0, 1.0), (0.25, 0.9))
_ST = Wave(0.115, 0.045, (-0.05, 0.05), (-0.03, 0.08), power=0.5)
_T = Wave(0.285, 0.055, (0.12, 0.38), (0.12, 0.5), power=0.5, skew=0.25)
_NARROW = (_P, _Q, _R, Wave(0.028, 0.012, (-0.45, -0.03), (-1.0, -0.2)), _ST, _T)
_INVERTED = (*_NARROW[:-1], _T._replace(first=(-0.35, -0.12), second=(-0.3, -0.08)))
_LEFT_BLOCK = (
    _P,
    Wave(0.0, 0.023, (0.7, 0.9), (-0.5, -0.3)),
    Wave(0.052, 0.024, (0.65, 0.95), (-1.0, -0.6)),
    Wave(-0.035, 0.010, (0.0, 0.05), (0.0, 0.2)),
    _ST._replace(first=(-0.15, -0.05), second=(0.05, 0.2)),
    _T._replace(at=0.32, first=(-0.4, -0.15), second=(0.2, 0.5)),
)
_RIGHT_BLOCK = (
    _P,
    _Q,
    _R._replace(second=(0.15, 0.4)),
    Wave(0.026, 0.011, (-0.1, 0.0), (-0.6, -0.2)),
    Wave(0.068, 0.022, (-0.4, -0.15), (0.5, 1.0)),
    _T._replace(at=0.31, second=(-0.3, -0.1)),
)
_PACED = (
    Wave(-0.085, 0.006, (0.15, 0.35), (0.1, 0.3)),  # the pacing spike, as narrow as 128 Hz allows
    Wave(0.0, 0.034, (0.9, 1.1), (-1.2, -0.7)),
    Wave(0.070, 0.030, (0.1, 0.4), (-0.3, 0.1)),
    _T._replace(at=0.33, sigma=0.065, first=(-0.45, -0.2), second=(0.2, 0.45)),
)
_VENTRICULAR = (
    Wave(0.0, 0.034, (0.8, 1.3), (-1.3, 1.0)),
    Wave(0.078, 0.032, (-0.6, -0.15), (-0.4, 0.4)),
    _T._replace(at=0.335, sigma=0.065, first=(-0.6, -0.3), second=(-0.5, 0.5)),
)
_EARLY_P = _P._replace(at=-0.135, first=(-0.12, -0.05), second=(-0.06, 0.06))


class BeatKind(NamedTuple):
    """A subject's rhythm: the shape of its regular beats, and the kind of its premature beats."""

    title: str
    symbol: str
    waves: tuple[Wave, ...]
    early: str = ""


_NORMAL = BeatKind("normal", "N", _NARROW)
_PVC = BeatKind("ventricular ectopic beats", "N", _NARROW, "V")
_LBBB = BeatKind("left bundle-branch block", "L", _LEFT_BLOCK)
_RBBB = BeatKind("right bundle-branch block", "R", _RIGHT_BLOCK)
# A cycle instead of random draws, so that a few subjects include several kinds at any seed, and
# each split of ecgmodel/databases/simulated.py has narrow, wide and premature beats.
KINDS = (
    _NORMAL,
    _PVC,
    BeatKind("inverted T wave", "N", _INVERTED),
    _RBBB,
    _LBBB,
    _NORMAL,
    _PVC,
    _PVC,
    _LBBB,
    BeatKind("atrial ectopic beats", "N", _NARROW, "A"),
    BeatKind("ventricular pacing", "/", _PACED),
    _NORMAL,
    BeatKind("inverted T wave, ventricular ectopic beats", "N", _INVERTED, "V"),
    BeatKind("left bundle-branch block, ventricular ectopic beats", "L", _LEFT_BLOCK, "V"),
    _NORMAL,
    _RBBB,
)


@dataclass(frozen=True)
class BeatShape:
    """One subject's waves of one kind of beat; arrays with one row per wave."""

    at: Floats  # (waves,) s
    sigma: Floats  # (waves,) s
    height: Floats  # (waves, leads) mV
    power: Floats  # (waves,)
    skew: Floats  # (waves,)

    def __call__(self, time: Floats) -> Floats:
        """Return the beat at RR = 1 s, `(times, leads)` in mV."""
        after = time[:, None] - self.at
        return np.asarray(_bell(after, self.sigma, self.skew) @ self.height)


@dataclass(frozen=True)
class SimulatedEcg:
    """A simulated recording.

    Args:
        signal: `(samples, 2)` in mV at 128 Hz.
        peaks: Samples of the R peaks (the largest deflections of wide QRS), ascending.
        symbols: MIT annotation symbols of the beats, one per peak.
        title: Description of the subject's rhythm.
    """

    signal: Floats
    peaks: NDArray[np.int64]
    symbols: tuple[str, ...]
    title: str


def simulate(seed: int, subject: int, seconds: float) -> SimulatedEcg:
    """Return the recording of one simulated subject.

    Subjects differ in kind of beat, wave amplitudes, widths and times, QRS height in the first
    lead (0.5 to 2.5 mV), heart rate (45 to 110 beats/min) and its variability.

    Args:
        seed: The configured seed.
        subject: Number of the subject from 1; the result depends on it and the seed, not on the
            number of subjects.
        seconds: Length, s.
    """
    kind = KINDS[(subject - 1) % len(KINDS)]
    draw = generator(seed, "simulated", "shape", subject)
    shapes = _shapes(draw, kind, 0.5 + 2.0 * _spread(seed, "height", subject, 0.7548776662))
    rate = 45.0 + 65.0 * _spread(seed, "rate", subject, 0.6180339887)
    variability = 0.05 if kind.symbol == "/" else 1.0  # a pacemaker is regular
    pacing = generator(seed, "simulated", "pace", subject)
    pace = _Pace.drawn(pacing, 60.0 / rate, variability, seconds)
    times, symbols = _beats(generator(seed, "simulated", "beats", subject), kind, pace, seconds)
    noise = generator(seed, "simulated", "recording", subject)
    signal = _render(noise, shapes, times, symbols, pace, seconds)
    signal += _recording_noise(noise, pace, len(signal))
    peaks = np.rint(times * FS).astype(np.int64)
    inside = (peaks >= 0) & (peaks < len(signal))
    return SimulatedEcg(signal, peaks[inside], tuple(symbols[inside].tolist()), kind.title)


def _spread(seed: int, what: str, subject: int, step: float) -> float:
    """Return a number in [0, 1) such that even a few subjects cover the range evenly.

    An additive recurrence with the golden ratio (for a second quantity, with the first number of
    the two-dimensional R sequence) and an offset drawn from the seed.
    """
    return math.modf(generator(seed, "simulated", what).random() + subject * step)[0]


def _bell(after: Floats, sigma: Floats | float, skew: Floats | float) -> Floats:
    """Return a Gaussian with its rise `1 + skew` and its fall `1 - skew` times as wide."""
    width = sigma * np.where(after < 0, 1 + skew, 1 - skew)
    return np.asarray(np.exp(-0.5 * np.square(after / width)))


# ---- shapes ------------------------------------------------------------------------------------


def _shapes(draw: np.random.Generator, kind: BeatKind, height: float) -> dict[str, BeatShape]:
    """Draw the subject's beats, scaled so that the regular QRS in lead 1 spans `height` mV."""
    ordinary = _drawn(draw, kind.waves)
    near = np.arange(-0.12, 0.12, 0.0005)
    scale = height / np.ptp(ordinary(near)[:, 0])
    shapes = {kind.symbol: ordinary}
    if kind.early == "V":
        shapes["V"] = _ventricular(draw)
    if kind.early == "A":  # the same QRS after another P wave
        early = _drawn(draw, (_EARLY_P,))
        at, tall = ordinary.at.copy(), ordinary.height.copy()
        at[0], tall[0] = early.at[0], early.height[0]
        shapes["A"] = replace(ordinary, at=at, height=tall)
    return {symbol: _centred(shape, scale) for symbol, shape in shapes.items()}


def _drawn(draw: np.random.Generator, waves: tuple[Wave, ...]) -> BeatShape:
    """Draw one subject's waves from the ranges of a kind of beat."""
    ranges = np.array([(wave.first, wave.second) for wave in waves])
    count = len(waves)
    return BeatShape(
        at=np.array([wave.at for wave in waves]) * draw.uniform(0.9, 1.1, count),
        sigma=np.array([wave.sigma for wave in waves]) * draw.uniform(0.85, 1.25, count),
        height=draw.uniform(ranges[..., 0], ranges[..., 1]),
        power=np.array([wave.power for wave in waves]),
        skew=np.array([wave.skew for wave in waves]) * draw.uniform(0.6, 1.4, count),
    )


def _ventricular(draw: np.random.Generator) -> BeatShape:
    """Draw a ventricular beat with a random polarity in the first lead."""
    shape = _drawn(draw, _VENTRICULAR)
    return replace(shape, height=shape.height * np.array([draw.choice([-1.0, 1.0]), 1.0]))


def _centred(shape: BeatShape, scale: float) -> BeatShape:
    """Scale a beat, and shift it so that the largest deflection of lead 1 is at time 0."""
    near = np.arange(-0.06, 0.10, 0.0005)
    peak = near[np.argmax(np.abs(shape(near)[:, 0]))]
    return replace(shape, at=shape.at - peak, height=shape.height * scale)


# ---- rhythm ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Pace:
    """Heart rate and respiration over time; series at 4 Hz that start at -3 s."""

    interval: Floats  # RR interval of the sinus node, s
    adapted: Floats  # RR to which the QT interval has adapted, s
    breath: Floats  # respiration, mean 0 and standard deviation 1

    @classmethod
    def drawn(
        cls, draw: np.random.Generator, mean: float, variability: float, seconds: float
    ) -> _Pace:
        """Draw heart-rate variability: respiration, 0.1 Hz and slower (McSharry 2003, eq. 2)."""
        count = math.ceil((seconds + 2 * _LEAD_IN) * _TACHOGRAM_FS) + 1
        breath = _rhythm(draw, count, draw.uniform(0.18, 0.32), 0.015)
        vasomotor = _rhythm(draw, count, 0.1, 0.02)
        slow = _rhythm(draw, count, 0.0, 0.02)
        variability *= min(1.0, mean / 0.75)  # fast heart rates vary less
        depth = variability * draw.uniform((0.02, 0.01, 0.01), (0.06, 0.03, 0.03))
        drift = depth[1] * vasomotor + depth[2] * slow
        interval = mean * np.clip(1 + depth[0] * breath + drift, 0.75, 1.3)
        adapted = mean * np.clip(1 + depth[2] * slow, 0.75, 1.3)  # QT lags by almost a minute
        return cls(interval, adapted, breath)

    def at(self, series: Floats, time: Floats | float) -> Floats:
        """Return a series at times in s."""
        grid = np.arange(len(series)) / _TACHOGRAM_FS - _LEAD_IN
        return np.asarray(np.interp(time, grid, series))


def _rhythm(draw: np.random.Generator, count: int, centre: float, width: float) -> Floats:
    """Return noise of mean 0 and standard deviation 1 with a Gaussian spectrum at `centre` Hz."""
    # Drawn longer than needed: over a few cycles the standard deviation is not well defined.
    total = 1 << max(count, 1024).bit_length()
    freqs = np.fft.rfftfreq(total, 1 / _TACHOGRAM_FS)
    weight = np.exp(-0.25 * np.square((freqs - centre) / width))
    weight[0] = 0.0
    series = np.fft.irfft(np.fft.rfft(draw.standard_normal(total)) * weight, total)
    return np.asarray(series[:count] / series.std())


def _beats(
    draw: np.random.Generator, kind: BeatKind, pace: _Pace, seconds: float
) -> tuple[Floats, NDArray[np.str_]]:
    """Return R peaks, s, and symbols of all beats, with premature beats and their pauses.

    A ventricular beat is followed by a full compensatory pause (the beats around it are two
    intervals apart); an atrial beat resets the sinus node.
    """
    times, symbols = [], []
    time = -_LEAD_IN + draw.uniform(0.2, 1.0)
    ordinary = int(draw.integers(2, 8))  # beats until the next premature one
    while time < seconds + _LEAD_IN:
        times.append(time)
        symbols.append(kind.symbol)
        interval = float(pace.at(pace.interval, time)) * draw.normal(1.0, 0.006)
        ordinary -= 1
        if kind.early and ordinary <= 0:
            early = max(draw.uniform(0.6, 0.75) * interval, 0.42 * math.sqrt(interval))
            times.append(time + early)
            symbols.append(kind.early)
            time += 2 * interval if kind.early == "V" else early + 1.05 * interval
            ordinary = 1 if draw.random() < 0.2 else int(draw.integers(4, 20))  # 1: bigeminy
        else:
            time += interval
    return np.array(times), np.array(symbols)


# ---- signal ------------------------------------------------------------------------------------


def _render(
    draw: np.random.Generator,
    shapes: dict[str, BeatShape],
    times: Floats,
    symbols: NDArray[np.str_],
    pace: _Pace,
    seconds: float,
) -> Floats:
    """Return the sum of all waves of all beats, `(samples, 2)` in mV."""
    signal = np.zeros((round(seconds * FS), len(LEADS)))
    swing = draw.uniform(-0.06, 0.06, len(LEADS))  # respiration rotates the heart's axis
    for symbol in sorted(shapes):
        shape, peaks = shapes[symbol], times[symbols == symbol]
        scale = pace.at(pace.adapted, peaks)[:, None] ** shape.power
        size = 1.0 + pace.at(pace.breath, peaks)[:, None] * swing
        size += draw.normal(0.0, 0.02, (len(peaks), 1))
        for wave in range(len(shape.at)):
            # QRS waves vary together, so that the higher peak of a notched R stays the same.
            alone = draw.normal(1.0, 0.04, (len(peaks), 1)) if shape.power[wave] else 1.0
            heights = shape.height[wave] * size * alone
            centres = peaks + shape.at[wave] * scale[:, wave]
            sigmas = shape.sigma[wave] * scale[:, wave]
            _add(signal, centres, sigmas, shape.skew[wave], heights)
    return signal


def _add(signal: Floats, centres: Floats, sigmas: Floats, skew: float, heights: Floats) -> None:
    """Add one wave of every beat to the signal in place."""
    if not len(centres):
        return
    # Five standard deviations: the truncated 4e-6 of a wave are far below one ADC unit.
    reach = math.ceil(5 * sigmas.max() * (1 + abs(skew)) * FS)
    index = np.rint(centres * FS).astype(np.int64)[:, None] + np.arange(-reach, reach + 1)
    bell = _bell(index / FS - centres[:, None], sigmas[:, None], skew)
    inside = (index >= 0) & (index < len(signal))
    where = index[inside]
    for lead in range(signal.shape[1]):
        weights = (bell * heights[:, lead, None])[inside]
        signal[:, lead] += np.bincount(where, weights, len(signal))


def _recording_noise(draw: np.random.Generator, pace: _Pace, count: int) -> Floats:
    """Return the noise of a clean recording: slight respiratory wander and recorder noise."""
    depth = draw.uniform(-0.025, 0.025, len(LEADS))
    breath = pace.at(pace.breath, np.arange(count) / FS)
    return breath[:, None] * depth + draw.normal(0, _RECORDER_NOISE, (count, len(LEADS)))
