"""HL7 annotated ECG (aECG): XML of drug trials, with leads as lists of numbers."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import RecordError
from ecgmodel.files._ecg import (
    Annotation,
    Hints,
    Recording,
    check_shape,
    header_rate_remark,
    read_moment,
)
from ecgmodel.files._lead_codes import lead_name
from ecgmodel.files._segments import Segment, Timeline, assemble
from ecgmodel.files._xml import Document, Element, as_numbers, read_xml, root_of
from ecgmodel.support.units import millivolts

LABEL = "HL7 annotated ECG"
SUFFIXES = (".xml",)
ROOT = "AnnotatedECG"
_LEAD = "MDC_ECG_LEAD_"
_TIMES = ("TIME_ABSOLUTE", "TIME_RELATIVE")
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6}
# Recorders of 16 bits write this number where a sample is missing.
_MISSING = -32_768.0
_MOST = 2.0**31


@dataclass(frozen=True)
class _Read:
    """A file's leads.

    Attributes:
        timeline: The leads.
        start: Absolute time of the first sample; None if only relative times are given.
        other: Names of sequences that are no leads.
        remarks: Assumptions.
    """

    timeline: Timeline
    start: datetime | None
    other: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class _Time:
    """The time axis of a sequence set.

    Attributes:
        absolute: When it begins, if that is stated as a date.
        relative: When it begins, s, if that is stated as a duration.
        step: Time from sample to sample, s.
    """

    absolute: datetime | None
    relative: float
    step: float


def is_own(path: Path) -> bool:
    """Return whether an XML file is an aECG, by its root element."""
    return root_of(path) == ROOT


def read(path: Path, hints: Hints) -> Recording:
    """Read the leads of all series. See `ecgmodel.files.read_ecg`.

    Series and sequence sets follow each other on one time axis; the time between them is missing.
    Derived series (representative beats) are no rhythm.

    Raises:
        HintNeededError: The leads differ in rate.
        RecordError: A lead has no voltage or no times, or series are too far apart.
    """
    document = read_xml(path)
    found = _read(document, hints)
    return Recording(
        signal=found.timeline.signal,
        fs=found.timeline.fs,
        leads=found.timeline.leads,
        adc_ranges=(None,) * len(found.timeline.leads),
        other=(*found.timeline.other, *found.other),
        remarks=(*found.remarks, *header_rate_remark(found.timeline.fs, hints)),
        start=found.start,
        annotations=tuple(_annotations(document.root, found)),
        hints=hints,
    )


def rewrite(source: Path, ecg: Recording, into: Path, comment: str) -> None:
    """Write a copy with other samples in the leads; every other byte is kept.

    A changed file is another document: the root ids of the document and of its series are new,
    and an XML comment after the document's id names the old one.
    """
    document = read_xml(source)
    timeline = _read(document, ecg.hints).timeline
    check_shape(ecg, timeline.shape, source)
    changes: list[tuple[int, int, str]] = []
    digest, series = hashlib.sha256(), []
    for segment, lead in timeline.changed(ecg.signal):
        numbers, old = segment.to_stored(lead, -_MOST, _MOST, source), segment.stored
        numbers = np.where(~np.isfinite(old) & (numbers == _MISSING), old, numbers)
        if not np.array_equal(numbers, old, equal_nan=True):
            digits, owner = segment.place
            text = as_numbers(document, digits, old, numbers)
            digest.update(text.encode())
            changes.append((digits.start, digits.end, text))
            series.append(owner)
    if changes:
        changed = {id(owner): owner for owner in series}
        for owner in (document.root, *changed.values()):
            changes += _identity(document, owner, digest.hexdigest(), comment)
    with (into / source.name).open("wb") as file:
        file.writelines(document.spliced(changes))


def _identity(
    document: Document, owner: Element, digest: str, comment: str
) -> Iterator[tuple[int, int, str]]:
    """Yield the changes that give a document or series an identity of its own."""
    named = owner.first("id")
    if named is None or not named.attributes.get("root"):
        return
    start, end = document.attribute(named, "root")
    old = named.attributes["root"]
    yield start, end, str(uuid.uuid5(uuid.NAMESPACE_OID, f"{old} {digest}"))
    if owner is document.root:
        note = escape(f"derived from {old}: {comment}".encode("ascii", "replace").decode())
        place = document.after(named)
        yield place, place, f"<!-- {note.replace('--', '- -')} -->"


def _read(document: Document, hints: Hints) -> _Read:
    path = document.path
    found: list[tuple[_Time, str, NDArray[Any], Element, Element, float, float]] = []
    other: list[str] = []
    for series in document.root.direct("component", "series"):
        for sequences in series.direct("component", "sequenceSet"):
            parts = list(sequences.direct("component", "sequence"))
            time = _time(parts, path)
            for sequence in parts:
                code = sequence.first("code")
                name = code.attributes.get("code", "") if code else ""
                if name in _TIMES:
                    continue
                value = sequence.first("value")
                digits = value.first("digits") if value else None
                if not name.upper().startswith(_LEAD) or value is None or digits is None:
                    other.append(name[:40] or "sequence without code")
                    continue
                lead = lead_name(name[len(_LEAD) :][:20])
                scale, offset = _scale(value, lead, path)
                numbers = document.numbers(digits)
                if len(numbers):
                    found.append((time, lead, numbers, digits, series, scale, offset))
                else:
                    other.append(f"{lead} (empty)")
    other += ["derived series" for _ in document.root.all("derivedSeries")][:1]
    absolute = [time.absolute for time, *_ in found if time.absolute]
    first = min(absolute, default=None)
    segments = []
    for time, lead, numbers, digits, series, scale, offset in found:
        if first and not time.absolute:
            raise RecordError(
                f"{path.name}: lead {lead} has relative times, others have absolute ones. Export "
                "the recording again."
            )
        at = (time.absolute - first).total_seconds() if time.absolute and first else time.relative
        fs = _rate(time.step)
        place = (digits, series)
        segments.append(Segment(lead, fs, numbers, scale, offset, _MISSING, at, place))
    timeline = assemble(segments, hints, path)
    missing = any((s.stored == _MISSING).any() for column in timeline.columns for _, s in column)
    remarks = (f"numbers of {_MISSING:.0f} treated as missing",) if missing else ()
    begin = min(s.at_s for column in timeline.columns for _, s in column)
    start = first + timedelta(seconds=begin) if first else None
    return _Read(timeline, start, tuple(other), remarks)


def _time(sequences: Sequence[Element], path: Path) -> _Time:
    """Return the time axis of a sequence set.

    Raises:
        RecordError: It has none.
    """
    for sequence in sequences:
        code, value = sequence.first("code"), sequence.first("value")
        if code is None or value is None or code.attributes.get("code") not in _TIMES:
            continue
        head, step = value.first("head"), value.first("increment")
        seconds = _SECONDS.get(step.attributes.get("unit", "")) if step else None
        if step is None or seconds is None:
            break
        increment = _number(step, path) * seconds
        if not 1e-6 <= increment <= 10:
            break
        first = head.attributes.get("value", "") if head else ""
        if code.attributes.get("code") == "TIME_ABSOLUTE":
            return _Time(read_moment(first), 0.0, increment)
        unit = _SECONDS.get(head.attributes.get("unit", "s"), 1.0) if head else 1.0
        begin = _number(head, path) * unit if head and first else 0.0
        return _Time(None, begin if abs(begin) < 1e9 else 0.0, increment)
    raise RecordError(
        f"{path.name}: expected times with an increment in s, ms or us in each sequence set. "
        "Received none. Export the recording again."
    )


def _rate(step: float) -> float:
    """Return the sampling rate of an increment, Hz; a whole number if it is one but for rounding.

    Increments are written with few decimals: 0.0039 s stand for 256 Hz only if they say 0.00390625.
    """
    fs = 1 / step
    return float(round(fs)) if abs(fs - round(fs)) < 1e-6 * fs else fs


def _scale(value: Element, lead: str, path: Path) -> tuple[float, float]:
    """Return a lead's unit and the value of number 0, mV.

    Raises:
        RecordError: They are no voltages.
    """
    scale, origin = value.first("scale"), value.first("origin")
    unit = millivolts(scale.attributes.get("unit")) if scale else None
    step = _number(scale, path) if scale else 0.0
    if unit is None or not 0 < abs(step) < 1e9:
        raise RecordError(
            f"{path.name}, lead {lead}: expected a scale in mV, uV, nV or V. Received: {step:g} "
            f"{scale.attributes.get('unit', '')[:20] if scale else ''!r}. Export the recording "
            "again, or choose other leads with --column."
        )
    if origin is None or not origin.attributes.get("value"):
        return step * unit, 0.0
    base = millivolts(origin.attributes.get("unit")) or unit
    return step * unit, _number(origin, path) * base


def _number(element: Element, path: Path) -> float:
    try:
        found = float(element.attributes.get("value", ""))
    except ValueError:
        found = float("nan")
    if not np.isfinite(found):
        raise RecordError(
            f"{path.name}: expected a number as value of <{element.name}>. Export the recording "
            "again."
        )
    return found


def _annotations(root: Element, found: _Read) -> Iterator[Annotation]:
    """Yield annotations with a time: their codes, such as MDC_ECG_WAVC_QRSWAVE; no free text."""
    if found.start is None:
        return
    length = found.timeline.shape[0] / found.timeline.fs
    for annotation in root.all("annotation"):
        value = annotation.first("value")
        code = value.attributes.get("code", "") if value else ""
        if not code.startswith("MDC_"):
            continue
        for span in annotation.direct("support", "supportingROI", "component", "boundary", "value"):
            low, high = (read_moment(_stated(span.first(name))) for name in ("low", "high"))
            if low is None or not 0 <= (low - found.start).total_seconds() <= length:
                continue
            lasts = (high - low).total_seconds() if high and high > low else None
            yield Annotation((low - found.start).total_seconds(), lasts, code[:60])


def _stated(element: Element | None) -> str:
    return element.attributes.get("value", "") if element else ""
