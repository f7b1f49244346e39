"""Files of recorders, made by the public definitions of their formats.

Each function writes a recording with a patient's name and id, an averaged beat where the format has
one, and samples that are whole numbers of microvolts.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgmodel.files import Ecg
from ecgmodel.files._lead_codes import LEADS
from ecgmodel.files._scp_huffman import DEFAULT
from tests.wfdb_files import ecg as one_lead

PATIENT, PATIENT_ID = "Zaphodsson", "PID-42-7734"
MISSING = -32_768
UID = "1.2.826.0.1.3680043.8.498.1"
CODES = {name: code for code, name in LEADS.items()}
TWELVE = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
ISHNE = {"X": 2, "Y": 3, "Z": 4, **{name: code for code, name in enumerate(TWELVE, 5)}}
FORMATS = ("aecg", "dicom", "ishne", "muse", "philips", "scp")


Maker = Callable[..., bytes]


def microvolts(ecg: Ecg, missing: int | None = None) -> NDArray[np.int16]:
    """Return a signal in uV; missing samples are `missing`, or 0 if the format has no code."""
    numbers = np.nan_to_num(np.round(1000 * ecg.signal), nan=0).clip(-32_000, 32_000)
    if missing is not None:
        numbers[np.isnan(ecg.signal)] = missing
    return numbers.astype("<i2")


def twelve(seconds: float = 4, fs: float = 500) -> Ecg:
    """Return a 12-lead ECG whose limb leads follow from I and II, rounded to microvolts."""
    leads = {name: one_lead(seconds, fs, seed=i) for i, name in enumerate(TWELVE)}
    one, two = np.round(leads["I"], 3), np.round(leads["II"], 3)
    limbs = {"III": two - one, "aVR": -(one + two) / 2, "aVL": one - two / 2, "aVF": two - one / 2}
    signal = np.round(np.stack([(leads | limbs)[name] for name in TWELVE], axis=1), 3)
    return Ecg(signal, fs, TWELVE, (None,) * 12, start=datetime(2021, 3, 4, 5, 6, 7))


def muse(
    ecg: Ecg,
    extra: str = "",
    crc: Callable[[bytes], int] = zlib.crc32,
    kinds: str = "Median Rhythm",
) -> bytes:
    """Return a MUSE file; its median is the first half second."""
    numbers = microvolts(ecg, MISSING)

    def waveform(kind: str) -> str:
        table = numbers if kind == "Rhythm" else numbers[: round(ecg.fs / 2)]
        leads = [
            f"""<LeadData><LeadByteCountTotal>{2 * len(table)}</LeadByteCountTotal>
            <LeadTimeOffset>0</LeadTimeOffset>
            <LeadSampleCountTotal>{len(table)}</LeadSampleCountTotal>
            <LeadAmplitudeUnitsPerBit>1</LeadAmplitudeUnitsPerBit>
            <LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits><LeadID>{name}</LeadID>
            <LeadOffsetFirstSample>0</LeadOffsetFirstSample><LeadSampleSize>2</LeadSampleSize>
            <LeadOff>FALSE</LeadOff><LeadDataCRC32>{crc(lead.tobytes())}</LeadDataCRC32>
            <WaveFormData>\n{base64.encodebytes(lead.tobytes()).decode()}</WaveFormData></LeadData>"""
            for name, lead in zip(ecg.leads, np.ascontiguousarray(table.T), strict=True)
        ]
        return (
            f"<Waveform><WaveformType>{kind}</WaveformType><SampleBase>{ecg.fs:g}</SampleBase>"
            f"<SampleExponent>0</SampleExponent>{''.join(leads)}</Waveform>"
        )

    when = ecg.start.strftime("%m-%d-%Y %H:%M:%S").split() if ecg.start else ("", "")
    return (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
        f'<!DOCTYPE RestingECG SYSTEM "restecg.dtd">\n<RestingECG>{extra}<PatientDemographics>'
        f"<PatientID>{PATIENT_ID}</PatientID><PatientLastName>{PATIENT} M\u00fcller"
        f"</PatientLastName></PatientDemographics><TestDemographics><AcquisitionTime>{when[1]}"
        f"</AcquisitionTime><AcquisitionDate>{when[0]}</AcquisitionDate></TestDemographics>"
        f"{''.join(map(waveform, kinds.split()))}</RestingECG>\n"
    ).encode("latin-1")


def philips(
    ecg: Ecg, encoding: str = "Base64", compression: str = "", crc: str = "", charset: str = "utf-8"
) -> bytes:
    """Return a Philips file of schema 1.04, or 1.03 if its samples are not compressed."""
    table = microvolts(ecg)
    if compression == "XLI":
        text = base64.b64encode(xli(table, ecg.leads)).decode()
    elif encoding == "Base64":
        text = base64.b64encode(table.T.tobytes()).decode()
    else:
        numbers = [str(number) for number in table.T.ravel()]
        lines = range(0, len(numbers), 25)
        text = "\n" + "\n".join(" ".join(numbers[i : i + 25]) for i in lines) + "\n"
    start = f'date="{ecg.start:%Y-%m-%d}" time="{ecg.start:%H:%M:%S}"' if ecg.start else ""
    packed = f'compression="{compression}"' if compression else 'compressflag="False"'
    checksum = f' crc="{crc}"' if crc else ""
    return (
        f'<?xml version="1.0" encoding="{charset}"?>\n'
        f'<restingecgdata xmlns="http://www3.medical.philips.com" status="Unconfirmed"{checksum}>'
        "<documentinfo><documenttype>PhilipsECG</documenttype>"
        f"<documentversion>1.04</documentversion></documentinfo><dataacquisition {start}>"
        f"<signalcharacteristics><samplingrate>{ecg.fs:g}</samplingrate><resolution>1</resolution>"
        f"<numberchannelsallocated>{len(ecg.leads)}</numberchannelsallocated>"
        f"<numberchannelsvalid>{len(ecg.leads)}</numberchannelsvalid></signalcharacteristics>"
        f"</dataacquisition><patient><generalpatientdata><patientid>{PATIENT_ID}</patientid><name>"
        f"<lastname>{PATIENT}</lastname></name></generalpatientdata></patient><waveforms>"
        f'<parsedwaveforms dataencoding="{encoding}" {packed} numberofleads="{len(ecg.leads)}" '
        f'leadlabels="{" ".join(ecg.leads)}" durationperchannel="{1000 * len(table) / ecg.fs:.0f}">'
        f'{text}</parsedwaveforms><repbeats dataencoding="Base64"><repbeat leadname="II">AAAA'
        "</repbeat></repbeats></waveforms></restingecgdata>\n"
    ).encode(charset)


def xli(table: NDArray[np.int16], leads: Iterable[str]) -> bytes:
    """Return samples as XLI: limb leads as differences, second differences, high bytes, LZW."""
    stored = [lead.astype(int) for lead in table.T]
    if len(stored) >= 6:
        one, two, three, right, left, foot = stored[:6]
        stored[2] = two - one - three
        stored[3] = -right - (one + two) // 2
        stored[4] = (one - three) // 2 - left
        stored[5] = (two + three) // 2 - foot
    made = b""
    for lead in stored:
        # x[n] = 2 x[n-1] - x[n-2] - last, where last is the number before, less 64.
        last = 2 * lead[1:-1] - lead[:-2] - lead[2:]
        numbers = np.array([*lead[:2], *(last[1:] + 64), 64], int) & 0xFFFF
        packed = lzw(bytes((numbers >> 8).tolist() + (numbers & 0xFF).tolist()))
        made += struct.pack("<ihh", len(packed), 0, int(last[0])) + packed
    return made


def lzw(data: bytes, bits: int = 10) -> bytes:
    """Return bytes as LZW codes of 10 bits."""
    strings = {bytes([i]): i for i in range(256)}
    codes, word = [], b""
    for i in range(len(data)):
        longer = word + data[i : i + 1]
        if longer in strings:
            word = longer
            continue
        codes.append(strings[word])
        if len(strings) <= (1 << bits) - 2:
            strings[longer] = len(strings)
        word = data[i : i + 1]
    text = "".join(f"{code:0{bits}b}" for code in [*codes, strings[word]])
    text += "0" * (-len(text) % 8)
    return bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))


def aecg(
    ecg: Ecg, parts: int = 1, increment: tuple[str, str] | None = None, charset: str = "utf-8"
) -> bytes:
    """Return an aECG; with several parts, each is a series of its own, without time between."""
    numbers = microvolts(ecg, MISSING)
    step, unit = increment or (f"{1 / ecg.fs!r}", "s")
    cuts = np.linspace(0, len(numbers), parts + 1).astype(int)
    start = ecg.start.strftime("%Y%m%d%H%M%S") if ecg.start else ""
    series = ""
    for i, (first, last) in enumerate(pairwise(cuts.tolist())):
        kind = "TIME_ABSOLUTE" if start else "TIME_RELATIVE"
        micro = round(1e6 * first / ecg.fs)
        at = f"{int(start) + micro // 10**6}.{micro % 10**6:06}" if start else f"{first / ecg.fs}"
        leads = "".join(
            _sequence(name, lead[first:last])
            for name, lead in zip(ecg.leads, numbers.T, strict=True)
        )
        series += (
            f'<component><series><id root="1.2.3.{i}"/><code code="RHYTHM"/><component>'
            f'<sequenceSet><component><sequence><code code="{kind}"/><value xsi:type="GLIST_TS">'
            f'<head value="{at}" unit="s"/><increment value="{step}" unit="{unit}"/></value>'
            f"</sequence></component>{leads}</sequenceSet></component></series></component>\n"
        )
    return (
        f'<?xml version="1.0" encoding="{charset}"?>\n<AnnotatedECG xmlns="urn:hl7-org:v3" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" type="Observation">\n'
        '<id root="61d1a24f-b47e-41aa-ae95-f8ac302f4eeb" extension="annotatedEcg"/>\n'
        "<componentOf><timepointEvent><componentOf><subjectAssignment><subject><trialSubject><id "
        f'extension="{PATIENT_ID}"/><subjectDemographicPerson><name>{PATIENT}</name>'
        "</subjectDemographicPerson></trialSubject></subject></subjectAssignment></componentOf>"
        f"</timepointEvent></componentOf>\n{series}</AnnotatedECG>\n"
    ).encode(charset)


def _sequence(name: str, numbers: NDArray[np.int16]) -> str:
    return (
        f'<component><sequence><code code="MDC_ECG_LEAD_{name.upper()}"/><value '
        'xsi:type="SLIST_PQ"><origin value="0" unit="uV"/><scale value="1" unit="uV"/><digits>'
        f"{' '.join(map(str, numbers))}</digits></value></sequence></component>"
    )


def ishne(
    ecg: Ecg, variable: bytes = b"free text", per_lead: bool = True, step: int = 1000
) -> bytes:
    """Return an ISHNE file; programs state the samples of one lead, or of all leads."""
    numbers, count = microvolts(ecg, MISSING), len(ecg.leads)
    header = bytearray(522)
    header[:8] = b"ISHNE1.0"
    samples = len(numbers) * (1 if per_lead else count)
    struct.pack_into("<4ih", header, 10, len(variable), samples, 522, 522 + len(variable), 1)
    for at, text in ((28, "Arthur"), (68, PATIENT), (108, PATIENT_ID), (232, "digital")):
        header[at : at + len(text)] = text.encode()
    if ecg.start:
        struct.pack_into("<3h", header, 138, ecg.start.day, ecg.start.month, ecg.start.year)
        struct.pack_into("<3h", header, 150, ecg.start.hour, ecg.start.minute, ecg.start.second)
    struct.pack_into("<h", header, 156, count)
    rest = [-9] * (12 - count)
    codes = [ISHNE.get(name, 1) for name in ecg.leads]
    for at, fields in ((158, codes), (182, [1] * count), (206, [step] * count)):
        struct.pack_into("<12h", header, at, *fields, *rest)
    struct.pack_into("<h", header, 272, round(ecg.fs))
    made = bytes(header) + variable
    made = made[:8] + struct.pack("<H", binascii.crc_hqx(made[10:], 0xFFFF)) + made[10:]
    return made + numbers.tobytes()


def scp(
    ecg: Ecg,
    order: int = 0,
    huffman: bool = False,
    flags: int = 4,
    bimodal: int = 0,
    table: bytes = b"",
    pack: Callable[[NDArray[np.int_]], bytes] | None = None,
) -> bytes:
    """Return an SCP-ECG file; section 7 follows the rhythm data of section 6."""
    numbers = microvolts(ecg).astype(int)
    leads = [pack(lead) if pack else _scp_lead(lead, order, huffman) for lead in numbers.T]
    patient = b"".join(
        struct.pack("<BH", tag, len(value)) + value
        for tag, value in {
            0: PATIENT.encode() + b"\0",
            2: PATIENT_ID.encode() + b"\0",
            **(_scp_time(ecg) if ecg.start else {}),
            255: b"",
        }.items()
    )
    sections = {
        1: patient,
        **({2: table or struct.pack("<H", 19_999)} if huffman or table else {}),
        3: struct.pack("<BB", len(leads), flags | len(leads) << 3)
        + b"".join(struct.pack("<IIB", 1, len(numbers), CODES.get(n, 0)) for n in ecg.leads),
        6: struct.pack("<HHBB", 1000, round(1e6 / ecg.fs), order, bimodal)
        + struct.pack(f"<{len(leads)}H", *map(len, leads))
        + b"".join(leads),
        7: b"\1\0 measurements",
    }
    return _scp_file(sections)


def _scp_lead(lead: NDArray[np.int_], order: int, huffman: bool) -> bytes:
    stored = np.concatenate([lead[:order], np.diff(lead, order)]) if order else lead
    packed = DEFAULT.encode(stored) if huffman else stored.astype("<i2").tobytes()
    assert packed is not None
    return packed


def _scp_time(ecg: Ecg) -> dict[int, bytes]:
    when = ecg.start
    assert when is not None
    return {
        25: struct.pack("<HBB", when.year, when.month, when.day),
        26: struct.pack("<BBB", when.hour, when.minute, when.second),
    }


def _scp_file(sections: dict[int, bytes]) -> bytes:
    """Return sections with pointers to the first twelve, headers and checksums."""
    pointers, body, size = b"", b"", 16 + 12 * 10
    at = 6 + size
    made = {}
    for number in range(1, 12):
        content = sections.get(number)
        if content is None:
            pointers += struct.pack("<HII", number, 0, 0)
            continue
        content += b"\0" * (len(content) % 2)
        made[number] = _scp_section(number, content)
        pointers += struct.pack("<HII", number, len(made[number]), at + len(body) + 1)
        body += made[number]
    first = _scp_section(0, struct.pack("<HII", 0, size, 7) + pointers, b"SCPECG")
    whole = struct.pack("<I", 6 + len(first) + len(body)) + first + body
    return struct.pack("<H", binascii.crc_hqx(whole, 0xFFFF)) + whole


def _scp_section(number: int, content: bytes, reserved: bytes = b"\0" * 6) -> bytes:
    head = struct.pack("<HIBB", number, 16 + len(content), 20, 20) + reserved
    return struct.pack("<H", binascii.crc_hqx(head + content, 0xFFFF)) + head + content


def write_clinical(folder: Path, format: str, ecg: Ecg, name: str = "r1") -> Path:
    """Write a recording as a file of one of these formats."""
    from tests.ecgmodel.files.clinical_dicom import dicom

    makers: dict[str, tuple[str, Callable[[Ecg], bytes]]] = {
        "aecg": ("xml", aecg),
        "dicom": ("dcm", dicom),
        "ishne": ("ecg", ishne),
        "muse": ("xml", muse),
        "philips": ("xml", philips),
        "scp": ("scp", scp),
    }
    suffix, make = makers[format]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.{suffix}"
    path.write_bytes(make(ecg))
    return path
