"""Which samples of a recording can be used: not missing, not flat, not clipped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ecgmodel.errors import RecordError

# Beside a sharp corner of a plateau the signal drops by more than this many steps of the
# converter. Three equal samples on a smooth peak can drop by four steps at most: on a parabola
# whose top three samples differ by less than one step, the next one lies less than four below.
_SHARP_STEPS = 5
# Shorter plateaus are ordinary peaks; a lead counts as clipped from this many samples on.
_PLATEAU, _CLIPPED_SAMPLES = 3, 6
# Limits are computed from the header in another precision than the samples.
_TOLERANCE_MV = 1e-4

Limits = Sequence[tuple[float, float] | None]


class MaskSettings(BaseModel):
    """What counts as unusable in a recording, before any resampling or filtering."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flat_s: float = Field(
        default=1.0,
        gt=0,
        description="A lead that stays constant for this many seconds is flat. Quiet diastole of "
        "real 128 Hz recordings with 5 uV steps is constant for up to 0.3 s.",
    )
    clipping: bool = Field(
        default=True,
        description="Leave out samples at the converter's limits, and plateaus at the lead's own "
        "extreme value.",
    )
    margin_s: float = Field(
        default=0.1,
        ge=0,
        description="Seconds that are left out on either side of an unusable sample.",
    )


def usable_samples(
    signal: np.ndarray, fs: float, settings: MaskSettings, adc_limits: Limits | None = None
) -> np.ndarray:
    """Return which samples of a recording can be used.

    Not usable are NaN and infinite samples, flat stretches and clipped samples, each with a
    margin on either side. Resampling and filtering smear all of these, so the mask is made
    from the samples as recorded.

    Args:
        signal: `(samples, leads)`, mV, at its original sampling rate.
        fs: That sampling rate, Hz.
        settings: What counts as flat, and the margin.
        adc_limits: For each lead the `(lowest, highest)` value in mV that the converter can
            give, or None where that is unknown. Many published records clip earlier than their
            header says, so a lead's own extreme value is looked at in any case.

    Returns:
        Boolean array `(samples, leads)`, True where a sample can be used.

    Raises:
        RecordError: The signal is not `(samples, leads)`, the rate is not a positive number, or
            there are not as many limits as leads.
    """
    _check(signal, fs, adc_limits)
    limits = adc_limits if adc_limits is not None else (None,) * signal.shape[1]
    usable = np.empty(signal.shape, dtype=bool)
    for lead, limit in enumerate(limits):
        usable[:, lead] = ~_bad(np.ascontiguousarray(signal[:, lead]), fs, settings, limit)
    return usable


def _check(signal: np.ndarray, fs: float, adc_limits: Limits | None) -> None:
    """Raise what `usable_samples` promises."""
    if signal.ndim != 2:
        raise RecordError(
            f"Expected a signal of shape (samples, leads). Received shape {signal.shape}; "
            "give a single lead as signal[:, None]."
        )
    if not (np.isfinite(fs) and fs > 0):
        raise RecordError(f"Expected a sampling rate above 0 Hz. Received: fs={fs}.")
    if adc_limits is not None and len(adc_limits) != signal.shape[1]:
        raise RecordError(
            f"Expected converter limits for each of the {signal.shape[1]} leads. "
            f"Received {len(adc_limits)}; give None for a lead whose limits are unknown."
        )


def _bad(
    x: np.ndarray, fs: float, settings: MaskSettings, limit: tuple[float, float] | None
) -> np.ndarray:
    """Return which samples of one lead are unusable, the margin included."""
    finite = np.isfinite(x)
    bad = ~finite
    starts, stops = _plateaus(x)
    flat = stops - starts >= max(2, round(settings.flat_s * fs))
    _mark(bad, starts[flat], stops[flat])
    if settings.clipping and finite.any():
        bad |= _clipped(x, finite, starts, stops, limit)
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
    limit: tuple[float, float] | None,
) -> np.ndarray:
    """Return which samples of one lead lie at a limit, the converter's or the lead's own."""
    bad = np.zeros(len(x), dtype=bool)
    values = x if finite.all() else x[finite]
    for side, extreme in ((1, values.max()), (-1, values.min())):
        if limit is not None:
            rail = limit[1] if side > 0 else limit[0]
            # Headers can be wrong: a limit that the samples exceed is none.
            if abs(side * extreme - side * rail) <= _TOLERANCE_MV:
                bad |= side * x >= side * rail - _TOLERANCE_MV
        if _is_clipped(x, starts, stops, extreme):
            bad |= x == extreme
    return bad


def _is_clipped(x: np.ndarray, starts: np.ndarray, stops: np.ndarray, extreme: float) -> bool:
    """Return whether a lead is clipped at its own extreme value.

    The tops of ordinary peaks are rounded and rarely have the very same height, so the extreme
    value has to hold several samples in plateaus, one of them with sharp corners at both ends:
    one such corner may also be a pacing spike that rises from a flat baseline.
    """
    at = x[starts] == extreme
    starts, stops = starts[at], stops[at]
    if (stops - starts).sum() < _CLIPPED_SAMPLES:
        return False
    if not np.isfinite(x).all():
        x = np.where(np.isfinite(x), x, np.nan)
    before = np.abs(x[np.maximum(starts - 1, 0)] - extreme)
    after = np.abs(x[np.minimum(stops, len(x) - 1)] - extreme)
    return bool(np.any(np.fmin(before, after) > (_SHARP_STEPS + 0.5) * _step(x)))


def _step(x: np.ndarray) -> float:
    """Return the smallest change between neighbours: the converter's step, as a rule."""
    with np.errstate(invalid="ignore"):  # two infinite neighbours
        change = np.abs(np.diff(x))
    change = change[(change > 0) & np.isfinite(change)]
    return float(change.min()) if len(change) else 0.0


def _mark(bad: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> None:
    """Set `bad` from each start to its stop."""
    for start, stop in zip(starts, stops, strict=True):
        bad[start:stop] = True


def _widen(bad: np.ndarray, margin: int) -> np.ndarray:
    """Return `bad` grown by `margin` samples on either side."""
    if margin == 0 or not bad.any():
        return bad
    edges = np.flatnonzero(np.diff(bad, prepend=False, append=False))
    level = np.zeros(len(bad) + 1, dtype=np.int32)
    np.add.at(level, np.maximum(edges[::2] - margin, 0), 1)
    np.add.at(level, np.minimum(edges[1::2] + margin, len(bad)), -1)
    return np.cumsum(level[:-1]) > 0
