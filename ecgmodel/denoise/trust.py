"""How far a cleaned signal is to be trusted, every 10 s of each lead.

Two values say how good a window is, by the same measure before and after; one says how much noise
was taken out; and a reason stands where the network should not be believed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import SignalError
from ecgmodel.signals.masks import Limits, MaskSettings, usable_samples
from ecgmodel.signals.quality import QualitySettings, judge, noisiness
from ecgmodel.support.decibels import decibels
from ecgmodel.support.machine import core_count

WINDOW_S = 10.0
AT_ONCE = 60  # windows: 10 minutes
CUTOFF = 0.5  # Hz: what is slower counts as drift
WANDER = 0.5  # of the ECG's RMS: drift that makes a window noisy
TINY_MV = 1e-3

Untrusted = Literal["mark", "pass"]

# From which share of a window on it counts as missing, flat or clipped.
SPOILT = 0.5
CLIPPED = 0.01
NOISIEST_DB = -18.0
"""On windows of people and noise that trained nothing, `Window.snr_db` was within 2 dB of the true
SNR, and what came out had 4 dB or less over its own error below this one (medians)."""
LARGEST_MV, SMALLEST_MV = 20.0, 0.1  # from peak to peak, of what came out
LOWEST_FS = 100.0  # Hz: twice the highest frequency of muscle noise that can be told from ECG
FADE_S = 0.25
"""On either side of where the input is passed, over which it is faded in."""


@dataclass(frozen=True)
class Window:
    """What is known of 10 s of a lead.

    Attributes:
        lead: Number of the lead, from 0.
        start: Its first sample.
        stop: The one after its last.
        quality_in: Of what went in, from 0 (noise) to 1 (none seen): by what lies between and
            under the beats, and by drift. At a half the quality gate begins to take it for noisy.
            NaN where it is too short to tell.
        quality_out: Of what came out, by the same measure.
        snr_db: Of what went in, dB: the power of what came out over that of what was taken out.
        reason: Why the network is not to be trusted here, "" if it is.
    """

    lead: int
    start: int
    stop: int
    quality_in: float
    quality_out: float
    snr_db: float
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return the values by name; None for NaN."""
        values = asdict(self)
        return {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in values.items()}


@dataclass(frozen=True)
class Cleaned:
    """A cleaned signal and what is known of it.

    Attributes:
        signal: In mV, as it was given.
        noise: What was taken out, mV, of the same shape.
        windows: Every 10 s of each lead, by lead and time.
    """

    signal: NDArray[Any]
    noise: NDArray[Any]
    windows: tuple[Window, ...]

    @property
    def untrusted(self) -> tuple[Window, ...]:
        """The windows where the network is not to be trusted."""
        return tuple(window for window in self.windows if window.reason)


class Assessment:
    """Says of every 10 s of a signal how far its cleaning is to be trusted.

    Args:
        fs: The signal's rate, Hz.
        untrusted: "pass" puts the input where it is not, "mark" leaves it.
        rails: Per lead, the lowest and highest value that its converter gives, mV.
        threads: Processor threads; None takes one a core.

    Raises:
        SignalError: `untrusted` is another word.
    """

    def __init__(
        self,
        fs: float,
        untrusted: Untrusted = "mark",
        rails: Limits | None = None,
        threads: int | None = None,
    ) -> None:
        if untrusted not in get_args(Untrusted):
            raise SignalError(
                f"Expected untrusted to be one of {', '.join(map(repr, get_args(Untrusted)))}. "
                f"Received: {untrusted!r}."
            )
        self.fs = fs
        self.threads = threads or core_count()
        self.untrusted = untrusted
        self.rails = rails
        self.length = max(1, round(WINDOW_S * fs))

    def check_rails(self, leads: int) -> None:
        """Check that there are rails for so many leads, if for any.

        Raises:
            SignalError: There are more, or fewer.
        """
        if self.rails is not None and len(self.rails) != leads:
            raise SignalError(
                f"Expected rails for each of {leads} leads. Received: {len(self.rails)}. Give None "
                "for a lead whose rails are unknown."
            )

    def of(
        self, noisy: NDArray[Any], cleaned: NDArray[Any], out_of_range: NDArray[np.bool_]
    ) -> tuple[Window, ...]:
        """Return the windows, by lead and time.

        Args:
            noisy: `(samples, leads)`, mV, NaN where a sample is missing.
            cleaned: Of the same shape; changed in place where the input is to be passed.
            out_of_range: Of the same shape; where a sample cannot be ECG and was not used.
        """
        found: list[Window] = []
        starts = range(0, len(noisy), AT_ONCE * self.length)
        with ThreadPoolExecutor(self.threads, "assess") as pool:
            for lead in range(noisy.shape[1]):
                block = partial(self._block, noisy, cleaned, out_of_range, lead)
                blocks = pool.map(block, starts)
                windows = [window for block in blocks for window in block]
                if self.untrusted == "pass":
                    self._pass(noisy[:, lead], cleaned[:, lead], windows)
                found += windows
        return tuple(found)

    def _pass(self, x: NDArray[Any], y: NDArray[Any], windows: list[Window]) -> None:
        """Put the input where the network is not to be trusted, faded at the edges."""
        fade = max(1, round(FADE_S * self.fs))
        for window in windows:
            if not window.reason:
                continue
            first, last = max(0, window.start - fade), min(len(y), window.stop + fade)
            places = np.arange(first, last)
            inside = np.minimum(places - window.start, window.stop - 1 - places) + fade
            weight = np.clip(inside / fade, 0, 1)
            y[first:last] += weight * (x[first:last] - y[first:last])

    def _block(
        self,
        noisy: NDArray[Any],
        cleaned: NDArray[Any],
        out_of_range: NDArray[np.bool_],
        lead: int,
        first: int,
    ) -> list[Window]:
        here = slice(first, first + AT_ONCE * self.length)
        x = noisy[here, lead].astype(np.float64)
        y = cleaned[here, lead].astype(np.float64)
        missing = ~np.isfinite(x)
        far = out_of_range[here, lead]
        x[far] = np.nan
        spoilt = {"missing": missing, "out of range": far, **self._spoilt(x, missing, lead)}
        before, after = self._quality(x), self._quality(y)
        found = []
        for number, start in enumerate(range(0, len(x), self.length)):
            part = slice(start, min(start + self.length, len(x)))
            shares = {name: float(mask[part].mean()) for name, mask in spoilt.items()}
            snr = _snr_db(x[part], y[part])
            reason = self._reason(shares, snr, y[part])
            begin, end = first + part.start, first + part.stop
            found.append(Window(lead, begin, end, before[number], after[number], snr, reason))
        return found

    def _spoilt(
        self, x: NDArray[np.float64], missing: NDArray[np.bool_], lead: int
    ) -> dict[str, NDArray[np.bool_]]:
        """Return which samples are no signal, or clipped."""
        column = x[:, None]
        limits = None if self.rails is None else [self.rails[lead]]
        flat_free = usable_samples(
            column, self.fs, MaskSettings(clipping=False, margin_s=0), limits
        )[:, 0]
        usable = usable_samples(column, self.fs, MaskSettings(margin_s=0), limits)[:, 0]
        return {
            "lead off": ~flat_free & ~missing,
            "clipped": flat_free & ~usable,
        }

    def _reason(self, shares: dict[str, float], snr: float, y: NDArray[np.float64]) -> str:
        if shares["missing"] > SPOILT:
            return "missing"
        if shares["missing"] + shares["lead off"] > SPOILT:
            return "lead off"
        if shares["out of range"]:
            return "out of range"
        if shares["clipped"] > CLIPPED:
            return "clipped"
        if snr < NOISIEST_DB:
            return "too noisy"
        span = float(np.ptp(y[np.isfinite(y)])) if np.isfinite(y).any() else 0.0
        if not SMALLEST_MV <= span <= LARGEST_MV:
            return "too weak" if span < SMALLEST_MV else "too large"
        return "low rate" if self.fs < LOWEST_FS else ""

    def _quality(self, x: NDArray[np.float64]) -> list[float]:
        """Return the quality of the windows of a block; NaN where one is shorter than a second."""
        finite = np.isfinite(x)
        if not finite.any():
            return [float("nan")] * -(-len(x) // self.length)
        if not finite.all():
            places = np.arange(len(x))
            x = np.interp(places, places[finite], x[finite])
        ecg = _highpass(x, self.fs)
        values = []
        whole = len(x) // self.length * self.length
        if whole:
            values += self._judged(ecg[:whole].reshape(-1, self.length), x[:whole])
        if whole < len(x):
            rest = len(x) - whole
            enough = rest >= self.fs
            values += self._judged(ecg[None, whole:], x[whole:]) if enough else [float("nan")]
        return values

    def _judged(self, ecg: NDArray[np.float64], x: NDArray[np.float64]) -> list[float]:
        gate = QualitySettings()
        scores = judge(ecg.astype(np.float32), self.fs, gate).scores
        drift = (x.reshape(ecg.shape) - ecg).std(axis=1)
        drift /= WANDER * np.maximum(scores["rms_mv"], TINY_MV)
        worst = np.maximum(noisiness(scores, gate), drift)
        return [round(float(q), 4) for q in 1 / (1 + worst**2)]


def _highpass(x: NDArray[np.float64], fs: float) -> NDArray[np.float64]:
    """Return a lead without what lies below `CUTOFF`; see `signals.resampling.highpass`."""
    import scipy.signal

    sos = scipy.signal.butter(2, CUTOFF, "highpass", fs=fs, output="sos")
    padding = min(len(x) - 1, int(3 * fs / CUTOFF))
    high: NDArray[np.float64] = scipy.signal.sosfiltfilt(sos, x, padlen=padding)
    return high


def _snr_db(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the power that was kept over that which was taken out, both without offset, dB."""
    there = np.isfinite(x) & np.isfinite(y)
    if there.sum() < 2:
        return float("nan")
    kept, taken = y[there].var(), (x[there] - y[there]).var()
    return round(float(decibels(max(kept, 1e-12), max(taken, 1e-12))), 2)
