"""A method on the protocol's leads: what XQRS finds in them, and excerpts that are worth a look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgmodel.databases.nstdb import DATABASE
from ecgmodel.evaluation.detection import Match, detect_beats, match_beats
from ecgmodel.evaluation.evaluate import checked_answer
from ecgmodel.protocols._measured import Measured
from ecgmodel.protocols._qrs_stress.data import Lead, QrsStress, read
from ecgmodel.protocols._qrs_stress.records import (
    FS,
    HELD_OUT_FROM_MIN,
    noisy_segments,
    person_and_level,
)
from ecgmodel.store import Stored
from ecgmodel.support.decibels import decibels

Array = NDArray[Any]
Denoise = Callable[[Array], Array]

SHOWN_LEVELS = (12, 6, 0, -6)
EXCERPT_AT_S, EXCERPT_S = 20.0, 8.0
"""Shown is a place that was fixed before any method ran: so long into the first scored segment."""


@dataclass(frozen=True)
class Excerpt:
    """A few seconds of a record as a method met them; positions are samples of the excerpt.

    Attributes:
        record: Its name, e.g. "118e06".
        level: Its nominal SNR, dB.
        start: First sample in the record.
        noisy: What the method was given, `(samples,)` mV.
        cleaned: What it returned.
        clean: The recovered clean lead; NaN where it is unknown.
        reference: Reference beats.
        missed: Those of them that XQRS did not find in `cleaned`.
        found: Beats that XQRS found in `cleaned`.
        false: Those of them that are none.
    """

    record: str
    level: int
    start: int
    noisy: Array
    cleaned: Array
    clean: Array
    reference: Array
    missed: Array
    found: Array
    false: Array


def evaluate(method: Denoise, data: QrsStress, name: str = "model") -> pd.DataFrame:
    """Clean whole leads, find their beats, and score every noisy segment.

    Args:
        method: Takes `(n, samples)` float32 in mV at 360 Hz and returns the same shape.
        data: The protocol's data.
        name: The method's name in the table.

    Returns:
        One row a noisy segment: `method`, `record`, `subject`, `snr_db` (nominal), `minute` (its
        start), `held_out` (whether it scores), `matched`, `missed`, `false`, `errors_ms` (a list,
        found less reference time of each matched beat), `snr_in`, `snr_out` (dB; both signals
        without their means; NaN where the clean lead is unknown).

    Raises:
        ModelError: The method changed the shape or returned NaN or infinite values.
    """
    parts = [_scored(*each, name) for each in _cleaned(method, data, name)]
    return pd.concat(parts, ignore_index=True)


def measure(method: Denoise, prepared: Stored, name: str) -> Measured:
    """Return a method's rows, and a few seconds of each record at the shown levels."""
    rows, excerpts = [], []
    for each in _cleaned(method, read(prepared), name):
        rows.append(_scored(*each, name))
        if person_and_level(each[0].record)[1] in SHOWN_LEVELS:
            excerpts.append(_excerpt(*each))
    return Measured(pd.concat(rows, ignore_index=True), excerpts)


def _cleaned(
    method: Denoise, data: QrsStress, name: str
) -> Iterator[tuple[Lead, Array | None, Array, Match]]:
    """Yield each lead, the clean one behind it, what the method made of it, and its beats."""
    for record, lead in data.leads.items():
        answer = _answer(method, lead, name)
        match = match_beats(lead.beats, detect_beats(answer, FS), FS)
        yield lead, data.clean.get(person_and_level(record)[0]), answer, match


def _answer(method: Denoise, lead: Lead, name: str) -> Array:
    given = lead.noisy[None]
    answer: Array = checked_answer(method(given), given, name, lambda _row: lead.record)[0]
    return answer


def _scored(
    lead: Lead, clean: Array | None, answer: Array, match: Match, name: str
) -> pd.DataFrame:
    who = {
        "method": name,
        "record": lead.record,
        "subject": DATABASE.subject(lead.record),
        "snr_db": person_and_level(lead.record)[1],
    }
    rows = []
    for minute, first, end in noisy_segments(len(lead.noisy)):
        part = slice(first, end)
        rows.append(
            who
            | {"minute": minute, "held_out": minute >= HELD_OUT_FROM_MIN}
            | asdict(match.counts(first, end))
            | {"errors_ms": (match.errors(first, end) * 1000 / FS).tolist()}
            | {
                "snr_in": _zero_mean_snr(clean, lead.noisy, part),
                "snr_out": _zero_mean_snr(clean, answer, part),
            }
        )
    return pd.DataFrame(rows)


def _zero_mean_snr(clean: Array | None, other: Array, part: slice) -> float:
    """Return the power of the clean segment over that of the error, both without means, dB."""
    if clean is None:
        return float("nan")
    y, p = (np.asarray(a[part], np.float64) for a in (clean, other))
    return float(decibels(np.asarray(y.var()), np.asarray((p - y).var())))


def _excerpt(lead: Lead, clean: Array | None, answer: Array, match: Match) -> Excerpt:
    """Return the excerpt to look at; in a record that ends before it, its last seconds."""
    length = round(EXCERPT_S * FS)
    wanted = round((60 * HELD_OUT_FROM_MIN + EXCERPT_AT_S) * FS)
    first = max(0, min(wanted, len(lead.noisy) - length))
    part = slice(first, first + length)

    def inside(places: Array) -> Array:
        return places[(places >= first) & (places < first + length)] - first

    paired = match.partner >= 0
    return Excerpt(
        record=lead.record,
        level=person_and_level(lead.record)[1],
        start=first,
        noisy=lead.noisy[part],
        cleaned=answer[part].astype(np.float32),
        clean=np.full_like(lead.noisy[part], np.nan) if clean is None else clean[part],
        reference=inside(match.reference),
        missed=inside(match.reference[~paired]),
        found=inside(match.found),
        false=inside(np.delete(match.found, match.partner[paired])),
    )
