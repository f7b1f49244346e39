"""The sampling rate that a column of times tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import HintNeededError, RecordError
from ecgmodel.files._ecg import HIGHEST_FS
from ecgmodel.support.units import LONGEST_NAME

_TIME = re.compile(
    r"(?:elapsed|relative|rel|abs|absolute|recording)?[ _]*"
    r"(?:time[ _]*stamps?|date[ _]*time|time|t|timestamp|date|datum|zeit)"
    r"(?:[ _]*(?:in[ _]*)?(s|ms|us|ns|secs?|seconds?|milliseconds?|microseconds?|msec|usec))?|"
    r"(seconds?|secs?|ms|msec|milliseconds?|microseconds?)",
    re.IGNORECASE,
)
_INDEX = re.compile(
    r"(?:samples?|index|idx|n|no\.?|nr\.?|#|row|unnamed: 0|frame)?[ _]*"
    r"(?:#|nr\.?|no\.?|number|index|id)?",
    re.IGNORECASE,
)
_SECONDS = {"s": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "n": 1e-9}
# Rates at which ECGs are recorded: they tell seconds from milliseconds where no unit does.
LIKELY = (40.0, 5000.0)
# Beyond this relative doubt a rate is asked for: 1 ms in half a second.
_DOUBT = 2e-3


def is_time(name: str) -> bool:
    """Return whether a column's name (without its unit) says that it holds times."""
    return bool(_TIME.fullmatch(name[:LONGEST_NAME].strip()))


def is_index(name: str) -> bool:
    """Return whether a column's name says that it numbers the samples."""
    return bool(_INDEX.fullmatch(name[:LONGEST_NAME].strip()))


def time_unit(name: str, unit: str | None) -> float | None:
    """Return how many seconds a column of times counts in, None where it does not say."""
    found = _TIME.fullmatch(name.strip())
    text = ((unit or "")[:20] or (found and (found[1] or found[2])) or "").strip().lower()
    if not text or ":" in text:  # hh:mm:ss is read as seconds
        return 1.0 if text else None
    if re.fullmatch(
        r"s|secs?|seconds?|ms|msecs?|milliseconds?|[uµ]s|usecs?|microseconds?|ns", text
    ):
        return _SECONDS[text[0]]
    return None


def rate_of_times(times: NDArray[np.float64], seconds: float | None, path: Path) -> float:
    """Return the sampling rate that times tell, Hz.

    Times that were rounded (whole milliseconds at 360 Hz) are even all the same. A rate within the
    rounding of a whole number is that number.

    Args:
        times: `(samples,)`, in any unit.
        seconds: How many seconds one of them is; None where nothing says so.
        path: The file, for errors.

    Raises:
        RecordError: Times are missing, go back or are uneven: there are gaps.
        HintNeededError: They do not tell a rate.
    """
    if len(times) < 3:
        raise _ask(path, f"holds {len(times)} times, too few to tell a rate")
    if not np.isfinite(times).all():
        row = int(np.flatnonzero(~np.isfinite(times))[0]) + 1
        raise RecordError(f"{path.name}: the time of sample {row} is missing. Give --fs instead.")
    steps = np.diff(times)
    if (steps < 0).any() or times[-1] <= times[0]:
        row = int(np.argmin(steps)) + 2
        raise RecordError(
            f"{path.name}: its times do not rise (at sample {row}). Sort it, or give --fs."
        )
    resolution = _resolution(times)
    step = (times[-1] - times[0]) / (len(times) - 1)
    _check_even(times, steps, step, resolution, path)
    scale = seconds if seconds is not None else _scale(step, path)
    doubt = 2 * resolution / (times[-1] - times[0])
    fs = 1 / (step * scale)
    if doubt > _DOUBT and not np.all(np.abs(steps - step) < 1e-6 * step):
        raise _ask(path, f"has times too coarse to tell a rate (about {fs:.4g} Hz)")
    nearest = round(fs)
    return float(nearest) if abs(nearest - fs) <= fs * max(doubt, 1e-6) else fs


def _check_even(
    times: NDArray[np.float64],
    steps: NDArray[np.float64],
    step: float,
    resolution: float,
    path: Path,
) -> None:
    """Raise RecordError where the times are not those of an even grid, rounded."""
    grid = times[0] + step * np.arange(len(times))
    apart = times - grid
    noise = 1e-3 * step + 4 * np.spacing(np.abs(times).max())
    # The grid's own end is rounded too: up to one and a half steps of the rounding apart. A sample
    # that lacks would not show where the rounding is as coarse as the samples are close.
    even = np.ptp(apart) <= 1.51 * resolution + noise
    even &= np.abs(steps - step).max() <= 1.01 * resolution + noise
    if even and (step > 1.75 * resolution or np.allclose(steps, step, rtol=1e-6)):
        return
    row = int(np.argmax(np.abs(steps - np.median(steps)))) + 2
    raise RecordError(
        f"{path.name}: its times are uneven: sample {row} comes {steps[row - 2]:g} after the one "
        f"before, most come {np.median(steps):g} after. Fill its gaps with empty rows, or say by "
        "--fs that it has none."
    )


def _resolution(times: NDArray[np.float64]) -> float:
    """Return the smallest power of ten (to 1e-9) that all times are multiples of; 0 for none."""
    part = times[: 2**14] - np.floor(times[0])
    noise = 2 * np.spacing(np.abs(times).max())
    for decimals in range(10):
        if np.abs(np.round(part, decimals) - part).max() <= max(1e-4 * 10.0**-decimals, noise):
            return float(10.0**-decimals)
    return 0.0


def _scale(step: float, path: Path) -> float:
    """Return the one unit of times that makes a likely rate, in seconds."""
    low, high = LIKELY
    fitting = [s for s in (1.0, 1e-3, 1e-6, 1e-9) if low <= 1 / (step * s) <= high]
    if len(fitting) != 1 or step == 1:  # steps of one number the samples, or are milliseconds
        raise _ask(path, f"has times in steps of {step:g} without a unit")
    return fitting[0]


def _ask(path: Path, seen: str) -> HintNeededError:
    return HintNeededError(
        "--fs", f"{path.name} {seen}. Give its sampling rate by --fs (up to {HIGHEST_FS:,.0f} Hz)."
    )


def ask_rate(path: Path, stated: Sequence[float] = (), unread: str = "") -> HintNeededError:
    """Return the question for a rate that nothing in a file tells, or that it states differently.

    Args:
        path: The file.
        stated: The rates that it states, Hz.
        unread: A time that cannot be read.
    """
    if unread:
        return _ask(path, f"has times that cannot be read ({unread[:40]!r})")
    if stated:
        rates = " and ".join(f"{fs:g}" for fs in stated[:4])
        return _ask(path, f"can be read as stating sampling rates of {rates} Hz")
    return _ask(path, "does not say its sampling rate")
