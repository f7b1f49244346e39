"""GE MUSE XML: a resting ECG of 10 s, of which eight leads are stored and four follow from them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np

from ecgmodel.errors import RecordError
from ecgmodel.files._ecg import Hints, Recording, check_shape, header_rate_remark
from ecgmodel.files._finding import not_rewritten
from ecgmodel.files._lead_codes import derived, lead_name
from ecgmodel.files._segments import Segment, Timeline, assemble
from ecgmodel.files._xml import Document, Element, as_base64, base64_of, read_xml, root_of
from ecgmodel.support.units import millivolts

LABEL = "GE MUSE XML"
SUFFIXES = (".xml",)
ROOT = "RestingECG"
RHYTHM = "Rhythm"
_CRC = "LeadDataCRC32"
_LOW, _HIGH = -32_768, 32_767


def is_own(path: Path) -> bool:
    """Return whether an XML file is a MUSE file, by its root element."""
    return root_of(path) == ROOT


def read(path: Path, hints: Hints) -> Recording:
    """Read the rhythm leads. See `ecgmodel.files.read_ecg`.

    Medians, which are averaged beats, are no rhythm. A file holds I, II and the precordial leads;
    III, aVR, aVL and aVF are derived from I and II if it lacks them.

    Raises:
        HintNeededError: The leads differ in rate.
        RecordError: There is no rhythm, or its data contradict their description.
    """
    document = read_xml(path)
    timeline, remarks = _timeline(document, hints)
    return Recording(
        signal=timeline.signal,
        fs=timeline.fs,
        leads=timeline.leads,
        adc_ranges=(None,) * len(timeline.leads),
        other=(*timeline.other, *_others(document.root)),
        remarks=(*remarks, *header_rate_remark(timeline.fs, hints)),
        start=_start(document.root),
        hints=hints,
    )


def rewrite(source: Path, ecg: Recording, into: Path, comment: str) -> None:
    """Write a copy with other samples in the rhythm leads, and their checksums.

    Every other byte is kept. Derived leads are not stored; readers derive them from I and II.

    Raises:
        RecordError: A checksum in the file is computed in an unknown way, or only derived leads
            were chosen.
    """
    document = read_xml(source)
    timeline, _ = _timeline(document, ecg.hints)
    check_shape(ecg, timeline.shape, source)
    changes: list[tuple[int, int, str]] = []
    own = [(s, lead) for s, lead in timeline.changed(ecg.signal) if isinstance(s.place, Element)]
    for segment, lead in own:
        stored = segment.to_stored(lead, _LOW, _HIGH, source).astype("<i2").tobytes()
        changes += _changes(document, segment.place, stored)
    if not own:
        raise not_rewritten(
            source, f"{', '.join(timeline.leads)} are derived from I and II, which were not chosen"
        )
    with (into / source.name).open("wb") as file:
        file.writelines(document.spliced(changes))


def _changes(document: Document, lead: Element, stored: bytes) -> Iterator[tuple[int, int, str]]:
    """Yield the places and texts that change for other samples of a lead."""
    wave = next(lead.direct("WaveFormData"))
    before = base64_of(document, wave)
    if stored == before:
        return
    yield wave.start, wave.end, as_base64(document, wave, stored)
    check = lead.first(_CRC)
    if check is None or not check.text:
        return
    if check.text != str(zlib.crc32(before)):
        raise not_rewritten(
            document.path,
            f"the {_CRC} of lead {_name(lead)} is not the CRC-32 of its data, so the one of the "
            "cleaned data is unknown",
        )
    yield check.start, check.end, str(zlib.crc32(stored))


def _timeline(document: Document, hints: Hints) -> tuple[Timeline, tuple[str, ...]]:
    """Return the rhythm leads, derived ones included, and remarks."""
    path, segments = document.path, []
    for waveform in document.root.direct("Waveform"):
        if waveform.value("WaveformType") == RHYTHM:
            leads = list(waveform.direct("LeadData"))
            _check_offsets(leads, path)
            fs = _rate(waveform, path)
            segments += [_segment(document, lead, fs) for lead in leads]
    extra = derived([segment.lead for segment in segments])
    if extra:
        one, two = (next(s for s in segments if s.lead == name) for name in ("I", "II"))
        if (len(one), one.fs) == (len(two), two.fs):
            first, second = (limb.read(slice(None)) for limb in (one, two))
            made = [
                Segment(name, one.fs, a * first + b * second, 1.0) for name, (a, b) in extra.items()
            ]
            at = segments.index(two) + 1
            segments[at:at] = made
        else:
            extra = {}
    timeline = assemble(segments, hints, path)
    off = [
        segment.lead
        for column in timeline.columns
        for _, segment in column
        if isinstance(segment.place, Element) and segment.place.value("LeadOff") == "TRUE"
    ]
    remarks = (f"leads that were off: {', '.join(off)}",) if off else ()
    named = [name for name in extra if name in timeline.leads]
    return timeline, (
        *remarks,
        *((f"{', '.join(named)}: derived from I and II",) if named else ()),
    )


def _segment(document: Document, lead: Element, fs: float) -> Segment:
    path, name = document.path, _name(lead)
    wave = lead.first("WaveFormData")
    data = base64_of(document, wave) if wave else b""
    count = lead.value("LeadSampleCountTotal")
    if lead.value("LeadSampleSize") not in ("2", "") or str(len(data) // 2) != count:
        raise RecordError(
            f"{path.name}, lead {name}: expected {count[:20] or 'stated'} samples of 2 bytes. "
            f"Received {len(data):,} bytes. Export the recording again."
        )
    unit = millivolts(lead.value("LeadAmplitudeUnits"))
    step = _number(lead, "LeadAmplitudeUnitsPerBit", path)
    if unit is None or step <= 0:
        raise RecordError(
            f"{path.name}, lead {name}: expected the voltage of a step. Received: {step:g} "
            f"{lead.value('LeadAmplitudeUnits')[:20]!r}. Export the recording again."
        )
    stored = np.frombuffer(data, "<i2")
    return Segment(name, fs, stored, step * unit, missing=_LOW, place=lead)


def _check_offsets(leads: list[Element], path: Path) -> None:
    """Raise RecordError if leads begin at different times."""
    for field in ("LeadOffsetFirstSample", "LeadTimeOffset"):
        offsets = sorted({lead.value(field) or "0" for lead in leads})
        if len(offsets) > 1:
            raise RecordError(
                f"{path.name}: expected leads of one time. Received: {field} of "
                f"{', '.join(offset[:10] for offset in offsets[:4])}. Export the recording as "
                "another format."
            )


def _rate(waveform: Element, path: Path) -> float:
    exponent = _number(waveform, "SampleExponent", path) if waveform.value("SampleExponent") else 0
    if not -9 <= exponent <= 9:
        raise RecordError(f"{path.name}: its SampleExponent is {exponent:g}. Export it again.")
    return float(_number(waveform, "SampleBase", path) * 10.0**exponent)


def _number(element: Element, name: str, path: Path) -> float:
    try:
        return float(element.value(name))
    except ValueError:
        raise RecordError(
            f"{path.name}: expected a number in <{name}>. Received none. Export the recording "
            "again."
        ) from None


def _name(lead: Element) -> str:
    return lead_name(lead.value("LeadID")[:20]) or "without name"


def _others(root: Element) -> list[str]:
    """Return names for the waveforms that are no rhythm."""
    kinds = [waveform.value("WaveformType")[:40] for waveform in root.direct("Waveform")]
    return [f"{kind} waveforms" for kind in kinds if kind != RHYTHM]


def _start(root: Element) -> datetime | None:
    test = root.first("TestDemographics")
    if test is None:
        return None
    text = f"{test.value('AcquisitionDate')} {test.value('AcquisitionTime')}"
    try:
        return datetime.strptime(text, "%m-%d-%Y %H:%M:%S")
    except ValueError:
        return None
