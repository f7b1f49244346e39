"""Philips XML (Sierra ECG, PageWriter): a resting ECG, as plain numbers, base64 or XLI."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import MissingLibraryError, RecordError
from ecgmodel.files._ecg import Hints, Recording, check_shape, header_rate_remark
from ecgmodel.files._finding import not_rewritten
from ecgmodel.files._lead_codes import derived, lead_name
from ecgmodel.files._segments import Segment, Timeline, assemble
from ecgmodel.files._xml import (
    Document,
    Element,
    as_base64,
    as_numbers,
    base64_of,
    read_xml,
    root_of,
)

LABEL = "Philips XML"
SUFFIXES = (".xml",)
ROOT = "restingecgdata"
_TWELVE = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
_UNCOMPRESSED = ("", "none", "uncompressed")
_LOW, _HIGH = -32_768, 32_767
_HEADER = 8
# A recording of 16 leads and 20 s at 1000 Hz; LZW could make a small file a thousand times larger.
_MOST_SAMPLES = 2**19
# Share of a lead's standard deviation that differences from it do not reach: rounding.
_SMALL = 0.05


def is_own(path: Path) -> bool:
    """Return whether an XML file is a Philips file, by its root element."""
    return root_of(path) == ROOT


def read(path: Path, hints: Hints) -> Recording:
    """Read the leads. See `ecgmodel.files.read_ecg`.

    The limb leads III, aVR, aVL and aVF of an XLI file are stored as differences from those that
    follow from I and II. Representative beats are no rhythm.

    Raises:
        RecordError: The data contradict their description, or their compression is unknown.
    """
    document = read_xml(path)
    timeline = _timeline(document, hints)
    return Recording(
        signal=timeline.signal,
        fs=timeline.fs,
        leads=timeline.leads,
        adc_ranges=(None,) * len(timeline.leads),
        other=timeline.other,
        remarks=header_rate_remark(timeline.fs, hints),
        start=_start(document.root),
        hints=hints,
    )


def rewrite(source: Path, ecg: Recording, into: Path, comment: str) -> None:
    """Write a copy with other samples; every other byte is kept.

    Raises:
        RecordError: The samples are compressed, or the file has a checksum that is not public.
    """
    document = read_xml(source)
    wave = _waveforms(document)
    if _compression(wave) not in _UNCOMPRESSED:
        raise not_rewritten(source, f"its samples are compressed by {_compression(wave).upper()}")
    if document.root.attributes.get("crc"):
        raise not_rewritten(source, "it has a checksum (crc) whose definition is not public")
    timeline = _timeline(document, ecg.hints)
    check_shape(ecg, timeline.shape, source)
    before = np.concatenate(_stored(document, wave))
    stored = before.copy()
    for segment, lead in timeline.changed(ecg.signal):
        numbers = segment.to_stored(lead, _LOW, _HIGH, source)
        stored[segment.place : segment.place + len(segment)] = numbers
    text = (
        as_base64(document, wave, stored.astype("<i2").tobytes())
        if _encoding(wave) == "base64"
        else as_numbers(document, wave, before, stored)
    )
    with (into / source.name).open("wb") as file:
        file.writelines(document.spliced([(wave.start, wave.end, text)]))


def _timeline(document: Document, hints: Hints) -> Timeline:
    path, wave = document.path, _waveforms(document)
    signal = next(document.root.all("signalcharacteristics"), Element("", {}, 0))
    fs = _number(signal, path, "samplingrate")
    microvolts = _number(signal, path, "resolution", "signalresolution")
    if microvolts <= 0 or fs <= 0:
        raise RecordError(
            f"{path.name}: expected a rate and a resolution above 0. Received: {fs:g} Hz and "
            f"{microvolts:g} uV. Export the recording again."
        )
    leads = _stored(document, wave)
    names = _names(signal, wave, len(leads))
    if _compression(wave) in _UNCOMPRESSED and not hints.columns:
        _check_limbs(dict(zip(names, leads, strict=True)), path)
    starts = np.cumsum([0, *(len(lead) for lead in leads)])
    segments = [
        Segment(name, fs, lead, microvolts / 1000, place=int(start))
        for name, lead, start in zip(names, leads, starts, strict=False)
        if name
    ]
    return assemble(segments, hints, path)


def _stored(document: Document, wave: Element) -> list[NDArray[Any]]:
    """Return the numbers of each lead."""
    path, compression = document.path, _compression(wave)
    if _encoding(wave) == "base64":
        data = base64_of(document, wave)
        if compression == "xli":
            return _limbs(_unpacked(data, path))
        numbers: NDArray[Any] = np.frombuffer(data[: len(data) // 2 * 2], "<i2").copy()
    elif _encoding(wave) == "plain":
        numbers = document.numbers(wave)
    else:
        raise _unknown("data encoding", _encoding(wave), path)
    if compression not in _UNCOMPRESSED:
        raise _unknown("compression", compression, path)
    count = wave.attributes.get("numberofleads", "")
    signal = next(document.root.all("signalcharacteristics"), Element("", {}, 0))
    text = count or signal.value("numberchannelsallocated")
    leads = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    if not leads or not len(numbers) or len(numbers) % leads:
        raise RecordError(
            f"{path.name}: expected the same number of samples in each of its {leads} leads. "
            f"Received: {len(numbers):,} in all. Export the recording again."
        )
    return list(numbers.reshape(leads, -1))


def _unpacked(data: bytes, path: Path) -> list[NDArray[np.int16]]:
    """Return the leads of XLI data: 10-bit LZW of second differences, a chunk for each lead."""
    try:
        from sierraecg.lzw import LzwDecoder
        from sierraecg.xli import xli_decode_deltas
    except ImportError:
        raise MissingLibraryError(
            f"{path.name} is compressed by XLI, which takes the library sierraecg: pip install "
            "sierraecg."
        ) from None
    leads: list[NDArray[np.int16]] = []
    at, left = 0, _MOST_SAMPLES * 2
    while at + _HEADER < len(data):
        size = int.from_bytes(data[at : at + 4], "little")
        first = int.from_bytes(data[at + 6 : at + 8], "little", signed=True)
        decoder = LzwDecoder(data[at + _HEADER : at + _HEADER + size], bits=10)
        found = bytearray()
        try:
            while len(found) <= left and (byte := decoder.read()) >= 0:
                found.append(byte)
            left -= len(found)
            if size <= 0 or left < 0 or at + _HEADER + size > len(data) or len(found) < 4:
                raise ValueError
            found += b"\0" * (len(found) % 2)
            leads.append(xli_decode_deltas(list(found), first))
        except (ValueError, IndexError, OverflowError):
            raise RecordError(
                f"{path.name}: its XLI data are damaged at byte {at:,}. Export the recording again."
            ) from None
        at += _HEADER + size
    return leads


def _limbs(leads: list[NDArray[np.int16]]) -> list[NDArray[Any]]:
    """Return leads with III, aVR, aVL and aVF in place of their differences from I and II."""
    if len(leads) < 6 or len({len(lead) for lead in leads[:6]}) > 1:
        return list(leads)
    one, two, *rest = (lead.astype(np.int64) for lead in leads[:6])
    three = two - one - rest[0]
    right = -rest[1] - (one + two) // 2
    left = (one - three) // 2 - rest[2]
    foot = (two + three) // 2 - rest[3]
    return [one, two, three, right, left, foot, *leads[6:]]


def _check_limbs(leads: dict[str, NDArray[Any]], path: Path) -> None:
    """Raise RecordError if limb leads are differences from those that follow from I and II.

    Compressed files store them so; a file without compression is expected to store the leads.
    """
    limbs = {name: leads[name].astype(np.float64) for name in _TWELVE[:6] if name in leads}
    if len(limbs) < 6 or len({len(lead) for lead in limbs.values()}) > 1:
        return
    for name, (one, two) in derived(("I", "II")).items():
        expected = one * limbs["I"] + two * limbs["II"]
        if np.std(limbs[name]) >= _SMALL * np.std(expected):
            return
    raise RecordError(
        f"{path.name}: its leads III, aVR, aVL and aVF are almost flat, as differences from those "
        "that follow from I and II. It is not known whether they are: export the recording as "
        "another format, or choose other leads with --column."
    )


def _names(signal: Element, wave: Element, count: int) -> list[str]:
    """Return the leads' names; "" for channels that were not used."""
    labels = [lead_name(label) for label in wave.attributes.get("leadlabels", "").split()]
    if not labels and signal.value("acquisitiontype") in ("STD-12", "10-WIRE"):
        labels = list(_TWELVE)
    used = signal.value("numberchannelsvalid") or signal.value("numberchannelsallocated")
    known = min(count, int(used)) if used.isascii() and used.isdigit() and len(used) < 4 else count
    labels = labels or [f"channel {i + 1}" for i in range(known)]
    return (labels + [""] * count)[:count]


def _waveforms(document: Document) -> Element:
    wave = next(document.root.all("parsedwaveforms"), None)
    if wave is None:
        raise RecordError(f"{document.path.name} contains no waveforms. Leave it out.")
    return wave


def _encoding(wave: Element) -> str:
    return wave.attributes.get("dataencoding", "")[:20].lower()


def _compression(wave: Element) -> str:
    if wave.attributes.get("compressflag", "").lower() == "false":
        return ""
    found = wave.attributes.get("compressmethod") or wave.attributes.get("compression", "")
    return found[:20].lower()


def _number(element: Element, path: Path, *names: str) -> float:
    for name in names:
        try:
            return float(element.value(name))
        except ValueError:
            continue
    raise RecordError(
        f"{path.name}: expected a number in <{names[0]}>. Received none. Export the recording "
        "again."
    )


def _unknown(kind: str, name: str, path: Path) -> RecordError:
    return RecordError(
        f"{path.name}: its {kind} {name!r} is not read. Export the recording without it, or as "
        "another format."
    )


def _start(root: Element) -> datetime | None:
    acquired = root.first("dataacquisition")
    found = acquired.attributes if acquired else {}
    try:
        moment = datetime.fromisoformat(f"{found['date'].strip()}T{found['time'].strip()}")
    except (KeyError, ValueError):
        return None
    return moment.replace(tzinfo=None)
