"""Simulated noise after the MIT-BIH Noise Stress Test Database (nstdb): `bw`, `ma` and `em`.

Each record is a sum of physiological components: respiratory wander, bursts of muscle noise, bumps
and jumps of a moving electrode. Spectra, amplitudes and the correlation between the channels follow
Welch spectra and percentiles of nstdb's records (Moody, Muldrow and Mark 1984, Comput. Cardiol.
11:381).

Realistic: spectra within a few dB from 0.05 to 150 Hz, varying amplitudes, the asymmetry of
electrode artifacts, and different amplitudes of the channels. Not realistic: the components are
independent and stationary over minutes; there is no power-line hum, no loss of contact, and none
of the rare shapes that make real noise difficult.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ecgmodel.support.randomness import generator

FS = 360.0
CHANNELS = ("noise1", "noise2")
_COUPLING = 0.05  # Hz: high-pass of the AC-coupled recorder; nstdb has little power below
Floats = NDArray[np.float64]
Spectrum = tuple[tuple[float, float], ...]  # (frequency in Hz, density in dB), rising frequencies

# Spectral shapes measured on nstdb: bw and em below 1 Hz, ma around 20 Hz, bw above 10 Hz.
_BREATHING: Spectrum = (
    (0.02, -20.0),
    (0.07, -2.0),
    (0.13, 0.0),
    (0.18, -1.0),
    (0.3, -14.0),
    (0.7, -26.0),
    (1.4, -33.0),
    (3.0, -46.0),
    (6.0, -70.0),
)
_MUSCLE: Spectrum = (
    (3.0, -20.0),
    (8.0, -6.0),
    (12.0, -2.5),
    (20.0, 0.0),
    (32.0, 0.0),
    (45.0, -4.0),
    (60.0, -11.0),
    (80.0, -19.0),
    (110.0, -22.0),
    (150.0, -24.0),
    (180.0, -28.0),
)
_ELECTRODE: Spectrum = (
    (0.3, -12.0),
    (0.7, 0.0),
    (1.4, -1.0),
    (3.0, -5.0),
    (6.0, -10.0),
    (11.0, -17.0),
    (22.0, -27.0),
    (40.0, -36.0),
    (80.0, -47.0),
    (180.0, -56.0),
)
_RECORDER: Spectrum = (
    (2.0, -8.0),
    (10.0, 0.0),
    (40.0, -1.0),
    (60.0, -3.0),
    (85.0, -7.0),
    (125.0, -13.0),
    (180.0, -20.0),
)


def simulate(seed: int, name: str, seconds: float) -> Floats:
    """Return one noise record, `(samples, 2)` in mV at 360 Hz, each channel of mean 0.

    Args:
        seed: The configured seed.
        name: One of `NOISES`: `bw`, `ma` or `em`.
        seconds: Length, s.
    """
    samples = round(seconds * FS)
    signal = NOISES[name](generator(seed, "simulated", "noise", name), samples)
    freqs = np.fft.rfftfreq(samples, 1 / FS)
    coupled = np.square(freqs) / (np.square(freqs) + _COUPLING**2)
    return np.asarray(np.fft.irfft(np.fft.rfft(signal, axis=0) * coupled[:, None], samples, axis=0))


# ---- the three records -------------------------------------------------------------------------


def _baseline_wander(draw: np.random.Generator, samples: int) -> Floats:
    """Respiratory wander of varying amplitude, with a large swing about once a minute."""
    slow = _pair(draw, samples, _BREATHING, (0.39, -0.15), shared=0.68)
    slow *= _level(draw, samples, 0.03, 0.45)[:, None]
    for start in _instants(draw, samples, 1 / 60):
        width = draw.uniform(0.4, 1.5)
        height = draw.choice([-1, 1]) * draw.uniform(0.5, 1.2) * np.array([1.0, -0.35])
        _place(slow, start, _swing(width), height)
    rest = _pair(draw, samples, _RECORDER, (0.013, 0.010), shared=0.1)
    tense = _bursts(draw, samples, 0.05, (0.4, 3.0), (0.02, 0.05))
    return slow + rest + tense[:, None] * _pair(draw, samples, _MUSCLE, (1.0, 0.2), shared=0.1)


def _muscle_artifact(draw: np.random.Generator, samples: int) -> Floats:
    """Bursts of muscle noise, with electrode movements and some wander."""
    signal = _pair(draw, samples, _BREATHING, (0.16, 0.15), shared=0.08)
    signal += _pair(draw, samples, _RECORDER, (0.012, 0.014), shared=0.1)
    restless = _level(draw, samples, 0.2, 0.6)[:, None]
    signal += restless * _pair(draw, samples, _ELECTRODE, (0.018, 0.016), shared=0.1)
    muscle = _pair(draw, samples, _MUSCLE, (1.0, 1.0), shared=0.05)
    together = _bursts(draw, samples, 0.12, (0.3, 2.5), (0.03, 0.12))
    for channel, strength in enumerate((0.9, 1.15)):
        tense = together + _bursts(draw, samples, 0.55, (0.15, 2.0), (0.03, 0.17))
        signal[:, channel] += strength * tense * muscle[:, channel]
    for start in _instants(draw, samples, 0.35):
        height = np.zeros(2)
        height[draw.integers(2)] = draw.choice([-0.8, 1.0]) * draw.lognormal(-1.1, 0.5)
        shape = _bump(draw.uniform(0.03, 0.15), draw.uniform(0.1, 0.7))
        _place(signal, start, shape, height + 0.1 * height[::-1])
    return signal


def _electrode_motion(draw: np.random.Generator, samples: int) -> Floats:
    """QRS-like spikes and bumps, decaying jumps, and wander, mostly in channel 1."""
    signal = _pair(draw, samples, _BREATHING, (0.48, -0.21), shared=0.75)
    restless = _level(draw, samples, 0.3, 0.4)[:, None]
    signal += restless * _pair(draw, samples, _ELECTRODE, (0.24, 0.06), shared=0.2)
    signal += _pair(draw, samples, _RECORDER, (0.012, 0.012), shared=0.1)
    for start in (*_steps(draw, samples, 1.0), *_instants(draw, samples, 0.8)):
        shape = _bump(draw.uniform(0.008, 0.04), draw.uniform(0.02, 0.12))
        height = draw.choice([1.0, -0.4], p=[0.9, 0.1]) * min(draw.lognormal(0.0, 0.5), 3.0)
        _place(signal, start, shape, height * np.array([1.0, draw.normal(-0.05, 0.08)]))
    for start in _instants(draw, samples, 1 / 20):
        shape = _bump(0.02, draw.uniform(0.4, 2.5))
        height = draw.choice([-1.0, 1.0]) * draw.uniform(0.3, 1.0)
        _place(signal, start, shape, height * np.array([1.0, -0.25]))
    tense = _bursts(draw, samples, 0.15, (0.3, 2.0), (0.02, 0.08))
    return signal + tense[:, None] * _pair(draw, samples, _MUSCLE, (1.0, 0.3), shared=0.2)


NOISES: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "bw": _baseline_wander,
    "ma": _muscle_artifact,
    "em": _electrode_motion,
}


# ---- parts -------------------------------------------------------------------------------------


def _shaped(draw: np.random.Generator, samples: int, spectrum: Spectrum) -> Floats:
    """Return Gaussian noise with standard deviation 1 and the given power spectrum."""
    # At least two minutes, so that short records contain slow components; a power of two.
    total = 1 << max(samples, int(120 * FS)).bit_length()
    freqs = np.fft.rfftfreq(total, 1 / FS)
    corners = np.array(spectrum)
    with np.errstate(divide="ignore"):
        decibels = np.interp(np.log(freqs), np.log(corners[:, 0]), corners[:, 1])
    weight = 10 ** (decibels / 20)
    weight[(freqs < corners[0, 0] / 2) | (freqs > corners[-1, 0])] = 0.0
    series = np.fft.irfft(np.fft.rfft(draw.standard_normal(total)) * weight, total)
    return np.asarray(series[:samples] / series.std())


def _pair(
    draw: np.random.Generator,
    samples: int,
    spectrum: Spectrum,
    deviations: tuple[float, float],
    shared: float,
) -> Floats:
    """Return two channels `(samples, 2)` with these standard deviations and this correlation.

    A negative standard deviation inverts the channel, and with it the sign of the correlation.
    """
    common = np.sqrt(shared) * _shaped(draw, samples, spectrum)
    own = np.stack([_shaped(draw, samples, spectrum) for _ in deviations], axis=1)
    return np.asarray((common[:, None] + np.sqrt(1 - shared) * own) * np.array(deviations))


def _level(draw: np.random.Generator, samples: int, speed: float, spread: float) -> Floats:
    """Return a slowly varying, log-normal amplitude of median 1; `speed` in Hz."""
    slow = _shaped(draw, samples, ((speed / 4, 0.0), (speed, 0.0), (4 * speed, -60.0)))
    return np.asarray(np.exp(spread * slow))


def _bursts(
    draw: np.random.Generator,
    samples: int,
    rate: float,
    lasting: tuple[float, float],
    heights: tuple[float, float],
) -> Floats:
    """Return an amplitude envelope of smooth bursts, `rate` per second, 0 between them."""
    level = np.zeros((samples, 1))
    for start in _instants(draw, samples, rate):
        length = max(3, round(np.exp(draw.uniform(*np.log(lasting))) * FS))
        shape = np.sin(np.linspace(0, np.pi, length + 2)[1:-1]) ** draw.uniform(0.6, 2.0)
        _place(level, start, shape, np.array([draw.uniform(*heights)]))
    return level[:, 0]


def _instants(draw: np.random.Generator, samples: int, rate: float) -> NDArray[np.int64]:
    """Return the samples of a Poisson process, `rate` per second, from 3 s before the start."""
    before = int(3 * FS)
    count = draw.poisson(rate * (samples + before) / FS)
    return np.sort(draw.integers(-before, samples, count))


def _steps(draw: np.random.Generator, samples: int, interval: float) -> NDArray[np.int64]:
    """Return samples about `interval` s apart, like steps of a walking person, some omitted.

    The spectrum of nstdb's em has narrow peaks at 1 Hz and its multiples.
    """
    count = int(samples / FS / (0.5 * interval)) + 8
    times = np.cumsum(interval * draw.normal(1.0, 0.06, count)) - 3.0
    steps = np.rint(times[draw.random(count) < 0.85] * FS).astype(np.int64)
    return steps[steps < samples]


def _bump(rise: float, fall: float) -> Floats:
    """Return a smooth bump of height 1 with these exponential time constants, s."""
    time = np.arange(-round(8 * rise * FS), round(8 * fall * FS) + 1) / FS
    shape = 1 / (np.exp(-time / rise) + np.exp(time / fall))
    return np.asarray(shape / shape.max())


def _swing(width: float) -> Floats:
    """Return a biphasic swing of height 1 (the derivative of a Gaussian); `width` in s."""
    time = np.arange(-round(5 * width * FS), round(5 * width * FS) + 1) / (width * FS)
    return np.asarray(time * np.exp(0.5 - 0.5 * np.square(time)))


def _place(signal: Floats, start: int, shape: Floats, heights: Floats) -> None:
    """Add a shape to the channels in place, truncated at the ends."""
    first, last = max(start, 0), min(start + len(shape), len(signal))
    if first < last:
        signal[first:last] += shape[first - start : last - start, None] * heights
