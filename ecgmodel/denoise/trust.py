"""Reliability of a cleaned signal, for each section of 10 s of each lead.

A section has its quality before and after cleaning, by the same measure, the estimated input SNR,
and a reason if the output is unreliable.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import SignalError
from ecgmodel.signals.masks import AdcRanges, MaskSettings, usable_samples
from ecgmodel.signals.quality import QualitySettings, judge, noisiness
from ecgmodel.support.decibels import decibels
from ecgmodel.support.machine import core_count
from ecgmodel.support.samples import Samples, Writable

SECTION_S = 10.0
AT_ONCE = 60  # sections: 10 minutes
BEAT_S = 1.5
"""A shorter rest of a recording may contain no beat and belongs to the section before it, s: the
R-R interval at 40 beats per minute."""
CUTOFF = 0.5  # Hz; slower components count as drift
WANDER = 0.5  # share of the ECG's RMS from which drift makes a section noisy
TINY_MV = 1e-3

Untrusted = Literal["mark", "pass"]

# Shares of a section from which it is missing or flat, and clipped.
UNUSABLE = 0.5
CLIPPED = 0.01
NOISIEST_DB = -18.0
"""Lowest input SNR of reliable output. On test subjects and noise the median error of
`Window.snr_db` was within 2 dB; below this SNR the median output SNR was at most 4 dB."""
LARGEST_MV, SMALLEST_MV = 20.0, 0.1  # peak-to-peak amplitude of the output
LOWEST_FS = 100.0  # Hz: twice the highest frequency needed to distinguish muscle noise from ECG
FADE_S = 0.25
"""Fade between the output and the passed input, on either side of a section, s."""


@dataclass(frozen=True)
class Window:
    """The assessment of a section of 10 s of a lead.

    Attributes:
        lead: Number of the lead, from 0.
        start: First sample.
        stop: Sample after the last.
        quality_in: Quality of the input, from 0 (noise) to 1 (no visible noise), from the signal
            between and under the beats and from drift. Below 0.5 the quality gate rejects it. NaN
            if the section is too short.
        quality_out: Quality of the output, by the same measure.
        snr_db: Estimated input SNR, dB: power of the output over power of the removed noise.
        reason: Why the output is unreliable, "" if it is reliable.
    """

    lead: int
    start: int
    stop: int
    quality_in: float
    quality_out: float
    snr_db: float
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return the values by name, None for NaN."""
        values = asdict(self)
        return {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in values.items()}


@dataclass(frozen=True)
class Cleaned:
    """A cleaned signal and its assessment.

    Attributes:
        signal: The cleaned signal, mV, with the shape of the input.
        noise: The removed noise, mV, of the same shape.
        windows: The assessment of each section of 10 s, by lead and time.
    """

    signal: NDArray[Any]
    noise: NDArray[Any]
    windows: tuple[Window, ...]

    @property
    def untrusted(self) -> tuple[Window, ...]:
        """The sections with unreliable output."""
        return unreliable(self.windows)


def unreliable(windows: Sequence[Window]) -> tuple[Window, ...]:
    """Return the sections with unreliable output."""
    return tuple(window for window in windows if window.reason)


def median_quality(windows: Sequence[Window]) -> tuple[float, float] | None:
    """Return the median quality of input and output, None if no section has both."""
    known = [w for w in windows if w.quality_in == w.quality_in and w.quality_out == w.quality_out]
    if not known:
        return None
    return median(w.quality_in for w in known), median(w.quality_out for w in known)


class Marks:
    """Marked samples of a signal; a piece without any takes no memory.

    Args:
        shape: `(samples, leads)`.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self._found: list[tuple[int, int, NDArray[np.uint8]]] = []

    def add(self, start: int, mask: NDArray[np.bool_]) -> None:
        """Add the mask `(n, leads)` of the samples from `start` on; called in order of time."""
        if mask.any():
            self._found.append((start, start + len(mask), np.packbits(mask, axis=0)))

    def __getitem__(self, part: slice, /) -> NDArray[np.bool_]:
        """Return the mask of a piece of time, `(n, leads)`."""
        first, last, _ = part.indices(self.shape[0])
        made = np.zeros((last - first, self.shape[1]), bool)
        for start, stop, packed in self._found:
            if start < last and first < stop:
                low, high = max(start, first), min(stop, last)
                mask = np.unpackbits(packed, axis=0, count=stop - start).astype(bool)
                made[low - first : high - first] = mask[low - start : high - start]
        return made


class Assessment:
    """Assesses the output in each section of 10 s of a signal.

    Args:
        fs: The signal's rate, Hz.
        untrusted: "pass" returns the input in unreliable sections, "mark" keeps the output.
        adc_ranges: Lowest and highest value of each lead's ADC, mV, None where unknown.
        threads: CPU threads; None uses one per core.

    Raises:
        SignalError: `untrusted` is invalid.
    """

    def __init__(
        self,
        fs: float,
        untrusted: Untrusted = "mark",
        adc_ranges: AdcRanges | None = None,
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
        self.adc_ranges = adc_ranges
        self.length = max(1, round(SECTION_S * fs))

    def check_adc_ranges(self, leads: int) -> None:
        """Check the number of ADC ranges, if they are given.

        Raises:
            SignalError: There is not one per lead.
        """
        if self.adc_ranges is not None and len(self.adc_ranges) != leads:
            raise SignalError(
                f"Expected an ADC range for each of {leads} leads. Received: "
                f"{len(self.adc_ranges)}. Use None for a lead whose range is unknown."
            )

    def of(self, noisy: Samples, cleaned: Writable, out_of_range: Marks) -> tuple[Window, ...]:
        """Return the assessed sections, by lead and time.

        Args:
            noisy: The input, `(samples, leads)`, mV, NaN where a sample is missing.
            cleaned: The output, of the same shape; changed in place with `untrusted` "pass".
            out_of_range: The samples that cannot be ECG.
        """
        samples, leads = noisy.shape
        length = AT_ONCE * self.length
        found: list[list[Window]] = [[] for _ in range(leads)]
        together = -(-self.threads // max(1, leads)) * length  # work for all threads
        with ThreadPoolExecutor(self.threads, "assess") as pool:
            for here in self._parts(samples, together):
                x, y, far = noisy[here], cleaned[here], out_of_range[here]
                blocks = [(i, part) for i in range(leads) for part in self._parts(len(x), length)]
                jobs = [(x[b, i], y[b, i], far[b, i], i, here.start + b.start) for i, b in blocks]
                for windows in pool.map(self._block, *zip(*jobs, strict=True)):
                    found[windows[0].lead] += windows
        if self.untrusted == "pass":
            self._pass(noisy, cleaned, found)
        return tuple(window for windows in found for window in windows)

    def _parts(self, samples: int, length: int) -> list[slice]:
        """Return parts of a length; a rest that may hold no beat belongs to the last one."""
        count, rest = divmod(samples, length)
        count = max(1, count + (rest >= BEAT_S * self.fs))
        starts = [i * length for i in range(count if samples else 0)]
        return [slice(a, b) for a, b in zip(starts, [*starts[1:], samples], strict=True)]

    def _pass(self, noisy: Samples, cleaned: Writable, found: Sequence[Sequence[Window]]) -> None:
        """Replace unreliable output by the input, with fades at the edges."""
        fade = max(1, round(FADE_S * self.fs))
        for at in range(0, len(found[0]) if found else 0, AT_ONCE):
            sections = [window for lead in found for window in lead[at : at + AT_ONCE]]
            doubtful = unreliable(sections)
            if not doubtful:
                continue
            begin = max(0, sections[0].start - fade)
            here = slice(begin, min(len(noisy), sections[-1].stop + fade))
            x, y = noisy[here], cleaned[here]
            for window in doubtful:
                first, last = max(0, window.start - fade), min(len(noisy), window.stop + fade)
                places = np.arange(first, last)
                inside = np.minimum(places - window.start, window.stop - 1 - places) + fade
                weight = np.clip(inside / fade, 0, 1)
                part = (slice(first - begin, last - begin), window.lead)
                y[part] += weight * (x[part] - y[part])
            cleaned[here] = y

    def _block(
        self,
        x: NDArray[Any],
        y: NDArray[Any],
        far: NDArray[np.bool_],
        lead: int,
        first: int,
    ) -> list[Window]:
        """Return the sections of a block of a lead that starts at the sample `first`."""
        x, y = x.astype(np.float64), y.astype(np.float64)
        missing = ~np.isfinite(x)
        x[far] = np.nan
        unusable = {"missing": missing, "out of range": far, **self._unusable(x, missing, lead)}
        before, after = self._quality(x), self._quality(y)
        found = []
        for number, part in enumerate(self._parts(len(x), self.length)):
            shares = {name: float(mask[part].mean()) for name, mask in unusable.items()}
            snr = _snr_db(x[part], y[part])
            reason = self._reason(shares, snr, y[part])
            begin, end = first + part.start, first + part.stop
            found.append(Window(lead, begin, end, before[number], after[number], snr, reason))
        return found

    def _unusable(
        self, x: NDArray[np.float64], missing: NDArray[np.bool_], lead: int
    ) -> dict[str, NDArray[np.bool_]]:
        """Return the masks of flat and of clipped samples."""
        column = x[:, None]
        limits = None if self.adc_ranges is None else [self.adc_ranges[lead]]
        flat_free = usable_samples(
            column, self.fs, MaskSettings(clipping=False, margin_s=0), limits
        )[:, 0]
        usable = usable_samples(column, self.fs, MaskSettings(margin_s=0), limits)[:, 0]
        return {
            "lead off": ~flat_free & ~missing,
            "clipped": flat_free & ~usable,
        }

    def _reason(self, shares: dict[str, float], snr: float, y: NDArray[np.float64]) -> str:
        if shares["missing"] > UNUSABLE:
            return "missing"
        if shares["missing"] + shares["lead off"] > UNUSABLE:
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
        """Return the quality of the sections of a block; NaN for one shorter than a second."""
        finite, parts = np.isfinite(x), self._parts(len(x), self.length)
        if not finite.any():
            return [float("nan")] * len(parts)
        if not finite.all():
            places = np.arange(len(x))
            x = np.interp(places, places[finite], x[finite])
        ecg = _highpass(x, self.fs)
        values = []
        last = parts[-1]
        whole = last.stop if last.stop - last.start == self.length else last.start
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
    """Return a lead high-passed at `CUTOFF`; see `signals.resampling.highpass`."""
    import scipy.signal

    sos = scipy.signal.butter(2, CUTOFF, "highpass", fs=fs, output="sos")
    padding = min(len(x) - 1, int(3 * fs / CUTOFF))
    high: NDArray[np.float64] = scipy.signal.sosfiltfilt(sos, x, padlen=padding)
    return high


def _snr_db(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the zero-mean power of the output over that of the removed noise, dB."""
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < 2:
        return float("nan")
    kept, removed = y[known].var(), (x[known] - y[known]).var()
    return round(float(decibels(max(kept, 1e-12), max(removed, 1e-12))), 2)
