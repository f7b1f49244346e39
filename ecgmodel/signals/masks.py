"""The mask of usable samples: not missing, not flat, not clipped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ecgmodel.errors import RecordError

# A plateau has a sharp corner if the next sample drops by more than this many ADC units. Next to
# three equal samples on a smooth peak the drop is at most four ADC units: on a parabola whose top
# three samples differ by less than one unit, the next one is less than four units lower.
_SHARP_DROP = 5
# Shorter plateaus are ordinary peaks; a lead with at least this many plateau samples is clipped.
_PLATEAU, _CLIPPED_SAMPLES = 3, 6
# ADC ranges are computed from the header with another precision than the samples.
_TOLERANCE_MV = 1e-4

AdcRanges = Sequence[tuple[float, float] | None]


class MaskSettings(BaseModel):
    """Criteria for unusable samples, applied before resampling and filtering."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flat_s: float = Field(
        default=1.0,
        gt=0,
        description="A lead that is constant for at least this time, s, is flat. Diastole in "
        "128 Hz recordings with a resolution of 5 uV is constant for up to 0.3 s.",
    )
    clipping: bool = Field(
        default=True,
        description="Exclude samples at the limits of the ADC range, and plateaus at a lead's "
        "extreme value.",
    )
    margin_s: float = Field(
        default=0.1,
        ge=0,
        description="Time excluded before and after each unusable sample, s.",
    )


def usable_samples(
    signal: np.ndarray, fs: float, settings: MaskSettings, adc_ranges: AdcRanges | None = None
) -> np.ndarray:
    """Return the mask of usable samples of a recording.

    Unusable are NaN and infinite samples, flat segments and clipped samples, each with a margin
    before and after. Resampling and filtering would smear these, so the mask is computed from the
    original samples.

    Args:
        signal: `(samples, leads)`, mV, at its original sampling rate.
        fs: That sampling rate, Hz.
        settings: The criteria.
        adc_ranges: For each lead the lowest and highest value of the ADC, mV, None where unknown.
            Many published records clip inside the range of their header, so plateaus at a lead's
            extreme value are always checked.

    Returns:
        Boolean array `(samples, leads)`, True for usable samples.

    Raises:
        RecordError: The signal is not `(samples, leads)`, the rate is not a positive number, or
            the number of ADC ranges differs from that of the leads.
    """
    _check(signal, fs, adc_ranges)
    ranges = adc_ranges if adc_ranges is not None else (None,) * signal.shape[1]
    usable = np.empty(signal.shape, dtype=bool)
    for lead, adc_range in enumerate(ranges):
        usable[:, lead] = ~_bad(np.ascontiguousarray(signal[:, lead]), fs, settings, adc_range)
    return usable


def _check(signal: np.ndarray, fs: float, adc_ranges: AdcRanges | None) -> None:
    """Raise the errors of `usable_samples`."""
    if signal.ndim != 2:
        raise RecordError(
            f"Expected a signal of shape (samples, leads). Received shape {signal.shape}; "
            "pass a single lead as signal[:, None]."
        )
    if not (np.isfinite(fs) and fs > 0):
        raise RecordError(f"Expected a sampling rate above 0 Hz. Received: fs={fs}.")
    if adc_ranges is not None and len(adc_ranges) != signal.shape[1]:
        raise RecordError(
            f"Expected an ADC range for each of the {signal.shape[1]} leads. Received "
            f"{len(adc_ranges)}. Use None for a lead whose range is unknown."
        )


def _bad(
    x: np.ndarray, fs: float, settings: MaskSettings, adc_range: tuple[float, float] | None
) -> np.ndarray:
    """Return the mask of unusable samples of one lead, including the margin."""
    finite = np.isfinite(x)
    bad = ~finite
    starts, stops = _plateaus(x)
    flat = stops - starts >= max(2, round(settings.flat_s * fs))
    _mark(bad, starts[flat], stops[flat])
    if settings.clipping and finite.any():
        bad |= _clipped(x, finite, starts, stops, adc_range)
    return _widen(bad, round(settings.margin_s * fs))


def _plateaus(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return start and stop of each run of at least `_PLATEAU` equal samples."""
    equal = np.zeros(len(x) + 1, dtype=bool)  # equal[i]: sample i repeats the one before it
    np.equal(x[1:], x[:-1], out=equal[1 : len(x)])
    turns = np.flatnonzero(equal[1:] != equal[:-1])
    starts, stops = turns[::2], turns[1::2] + 1
    long = stops - starts >= _PLATEAU
    return starts[long], stops[long]


def _clipped(
    x: np.ndarray,
    finite: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    adc_range: tuple[float, float] | None,
) -> np.ndarray:
    """Return the mask of clipped samples of one lead, at the ADC range or the lead's extremes."""
    bad = np.zeros(len(x), dtype=bool)
    values = x if finite.all() else x[finite]
    for side, extreme in ((1, values.max()), (-1, values.min())):
        if adc_range is not None:
            bound = adc_range[1] if side > 0 else adc_range[0]
            # Headers can be wrong: a bound that the samples exceed is ignored.
            if abs(side * extreme - side * bound) <= _TOLERANCE_MV:
                bad |= side * x >= side * bound - _TOLERANCE_MV
        if _is_clipped(x, starts, stops, extreme):
            bad |= x == extreme
    return bad


def _is_clipped(x: np.ndarray, starts: np.ndarray, stops: np.ndarray, extreme: float) -> bool:
    """Return whether a lead is clipped at its own extreme value.

    Ordinary peaks are rounded and rarely reach exactly the same value. So the extreme value must
    occur in several plateau samples, and one plateau must have sharp corners at both ends: a single
    sharp corner may be a pacing spike that rises from a flat baseline.
    """
    at = x[starts] == extreme
    starts, stops = starts[at], stops[at]
    if (stops - starts).sum() < _CLIPPED_SAMPLES:
        return False
    if not np.isfinite(x).all():
        x = np.where(np.isfinite(x), x, np.nan)
    before = np.abs(x[np.maximum(starts - 1, 0)] - extreme)
    after = np.abs(x[np.minimum(stops, len(x) - 1)] - extreme)
    return bool(np.any(np.fmin(before, after) > (_SHARP_DROP + 0.5) * _resolution(x)))


def _resolution(x: np.ndarray) -> float:
    """Return the smallest change between neighbouring samples: usually one ADC unit."""
    with np.errstate(invalid="ignore"):  # two infinite neighbours
        change = np.abs(np.diff(x))
    change = change[(change > 0) & np.isfinite(change)]
    return float(change.min()) if len(change) else 0.0


def _mark(bad: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> None:
    """Set `bad` to True from each start to its stop."""
    for start, stop in zip(starts, stops, strict=True):
        bad[start:stop] = True


def _widen(bad: np.ndarray, margin: int) -> np.ndarray:
    """Return `bad` extended by `margin` samples before and after."""
    if margin == 0 or not bad.any():
        return bad
    edges = np.flatnonzero(np.diff(bad, prepend=False, append=False))
    level = np.zeros(len(bad) + 1, dtype=np.int32)
    np.add.at(level, np.maximum(edges[::2] - margin, 0), 1)
    np.add.at(level, np.minimum(edges[1::2] + margin, len(bad)), -1)
    return np.cumsum(level[:-1]) > 0
