"""The sampling rate from a column of times."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import HintNeededError, RecordError
from ecgmodel.files._ecg import HIGHEST_FS
from ecgmodel.support.samples import Samples, spans
from ecgmodel.support.units import LONGEST_NAME

_TIME = re.compile(
    r"(?:elapsed|relative|rel|abs|absolute|recording)?[ _]*"
    r"(?:time[ _]*stamps?|date[ _]*time|time|t|timestamp|date|datum|zeit)"
    r"(?:[ _]*(?:in[ _]*)?(s|ms|us|ns|secs?|seconds?|milliseconds?|microseconds?|msec|usec|min"
    r"|mins|minutes?|h|hr|hours?))?|(seconds?|secs?|ms|msec|milliseconds?|microseconds?|min)"
    r"|__index_level_0__",
    re.IGNORECASE,
)
_INDEX = re.compile(
    r"(?:samples?|index|idx|n|no\.?|nr\.?|#|row|unnamed: 0|frame)?[ _]*"
    r"(?:#|nr\.?|no\.?|number|index|id)?",
    re.IGNORECASE,
)
_SECONDS = {"s": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "n": 1e-9}
# Usual sampling rates of ECG, Hz: they distinguish seconds from milliseconds without a unit.
LIKELY = (40.0, 5000.0)
# Largest accepted relative uncertainty of the rate: 1 ms in half a second.
_DOUBT = 2e-3
# Relative drift of a clock, and the number of samples over which it is compared.
_DRIFT, _DRIFT_OVER = 1e-4, 2**12


def is_time(name: str) -> bool:
    """Return whether a column's name, without its unit, is that of a column of times."""
    return bool(_TIME.fullmatch(name[:LONGEST_NAME].strip()))


def is_index(name: str) -> bool:
    """Return whether a column's name is that of a sample index."""
    return bool(_INDEX.fullmatch(name[:LONGEST_NAME].strip()))


def time_unit(name: str, unit: str | None) -> float | None:
    """Return the unit of a column of times, s; None if unknown."""
    found = _TIME.fullmatch(name.strip())
    text = ((unit or "")[:20] or (found and (found[1] or found[2])) or "").strip().lower()
    if not text or ":" in text:  # hh:mm:ss is converted to seconds
        return 1.0 if text else None
    if re.fullmatch(
        r"s|secs?|seconds?|ms|msecs?|milliseconds?|[uµ]s|usecs?|microseconds?|ns", text
    ):
        return _SECONDS[text[0]]
    if re.fullmatch(r"mins?|minutes?", text):
        return 60.0
    return 3600.0 if re.fullmatch(r"h|hrs?|hours?", text) else None


def rate_of_times(times: Samples, seconds: float | None, path: Path) -> float:
    """Return the sampling rate of a column of times, Hz.

    Rounded times (milliseconds at 360 Hz) count as evenly spaced. A rate that is an integer within
    the rounding error is rounded to it.

    Args:
        times: `(samples, 1)`, in any unit.
        seconds: The unit of the times, s; None if unknown.
        path: The file, for errors.

    Raises:
        RecordError: Times are missing, descending or uneven, i.e. there are gaps.
        HintNeededError: The rate cannot be determined.
    """
    if len(times) < 3:
        raise _ask(path, f"contains {len(times)} times, too few to determine the sampling rate")
    largest = _largest(times, path)
    first, last = float(times[:1][0, 0]), float(times[-1:][0, 0])
    _check_ascending(times, first < last, path)
    resolution = _resolution(times[: 2**14][:, 0], largest)
    step = (last - first) / (len(times) - 1)
    furthest = max(float(np.abs(steps - step).max()) for _, steps in _steps(times))
    _check_even(times, step, furthest, resolution, largest, path)
    scale = seconds if seconds is not None else _scale(step, path)
    doubt = 2 * resolution / (last - first)
    fs = 1 / (step * scale)
    if doubt > _DOUBT and furthest >= 1e-6 * step:
        raise _ask(path, f"has times too coarse to determine the rate (about {fs:.4g} Hz)")
    nearest = round(fs)
    return float(nearest) if abs(nearest - fs) <= fs * max(doubt, 1e-6) else fs


def _steps(times: Samples) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield the differences of neighbouring times, each with the index of its second time."""
    for part in spans(times.shape):
        start = max(1, part.start)
        steps = np.diff(times[start - 1 : part.stop][:, 0])
        if len(steps):
            yield start, steps


def _largest(times: Samples, path: Path) -> float:
    """Return the largest absolute time.

    Raises:
        RecordError: A time is missing.
    """
    largest = 0.0
    for part in spans(times.shape):
        piece = times[part][:, 0]
        if not np.isfinite(piece).all():
            row = part.start + int(np.flatnonzero(~np.isfinite(piece))[0]) + 1
            raise RecordError(
                f"{path.name}: the time of sample {row} is missing. Give the sampling rate with "
                "--fs."
            )
        largest = max(largest, float(np.abs(piece).max()))
    return largest


def _check_ascending(times: Samples, ends_later: bool, path: Path) -> None:
    """Raise RecordError if times descend, or the last one is not after the first."""
    lowest = [(float(s.min()), start + int(np.argmin(s)) + 1) for start, s in _steps(times)]
    step, row = min(lowest)
    if step < 0 or not ends_later:
        raise RecordError(
            f"{path.name}: the times are not ascending at sample {row}. Sort the rows, or give the "
            "sampling rate with --fs."
        )


def _check_even(
    times: Samples, step: float, furthest: float, resolution: float, largest: float, path: Path
) -> None:
    """Raise RecordError if the times are not an even grid with rounding errors.

    Clocks drift: over a longer time the grid may stretch by parts of `_DRIFT`.
    """
    noise = 1e-3 * step + 4 * np.spacing(largest)
    # The ends of the grid are rounded too, so times deviate by up to 1.5 units of the resolution.
    # With a resolution near the sampling interval a missing sample could not be detected.
    even = furthest <= 1.01 * resolution + noise
    for part in spans(times.shape):
        piece = times[part][:, 0]
        for at in range(0, len(piece), _DRIFT_OVER):
            some = piece[at : at + _DRIFT_OVER]
            apart = some - some[0] - step * np.arange(len(some))
            even &= np.ptp(apart) <= 1.51 * resolution + noise + _DRIFT * step * len(some)
    if even and (step > 1.75 * resolution or furthest <= 1e-6 * step + 1e-8):
        return
    usual = float(np.median(next(_steps(times))[1]))
    _, row, odd = max(
        (float(np.abs(steps - usual).max()), -start - at, float(steps[at]))
        for start, steps in _steps(times)
        for at in [int(np.argmax(np.abs(steps - usual)))]
    )
    raise RecordError(
        f"{path.name}: the times are uneven. Sample {1 - row} comes {odd:g} after the previous "
        f"one, usual are {usual:g}. Fill gaps with empty rows or, if there are none, give the "
        "sampling rate with --fs."
    )


def _resolution(times: NDArray[np.float64], largest: float) -> float:
    """Return the largest power of ten (1 to 1e-9) of which the times are multiples, else 0."""
    part = times - np.floor(times[0])
    noise = 2 * np.spacing(largest)
    for decimals in range(10):
        if np.abs(np.round(part, decimals) - part).max() <= max(1e-4 * 10.0**-decimals, noise):
            return float(10.0**-decimals)
    return 0.0


def _scale(step: float, path: Path) -> float:
    """Return the only unit of the times, s, that gives a usual sampling rate."""
    low, high = LIKELY
    fitting = [s for s in (1.0, 1e-3, 1e-6, 1e-9) if low <= 1 / (step * s) <= high]
    if len(fitting) != 1 or step == 1:  # steps of 1 may be a sample index or milliseconds
        raise _ask(path, f"has times with a step of {step:g} and no unit")
    return fitting[0]


def _ask(path: Path, seen: str) -> HintNeededError:
    return HintNeededError(
        "--fs",
        f"{path.name} {seen}. Give the sampling rate with --fs (Hz, up to {HIGHEST_FS:,.0f}).",
    )


def ask_rate(path: Path, stated: Sequence[float] = (), unread: str = "") -> HintNeededError:
    """Return the error for a missing or ambiguous sampling rate.

    Args:
        path: The file.
        stated: Several rates that the file may state, Hz.
        unread: A time that cannot be parsed.
    """
    if unread:
        return _ask(path, f"has times that cannot be read ({unread[:40]!r})")
    if stated:
        rates = " and ".join(f"{fs:g}" for fs in stated[:4])
        return _ask(path, f"states ambiguous sampling rates, {rates} Hz")
    return _ask(path, "does not state its sampling rate")
