"""Headers of recording programs above text tables: rate, names, units and ADC resolution.

OpenSignals (BITalino, biosignalsplux) writes JSON into a comment, LabChart "Interval=" and
"ChannelTitle=", AcqKnowledge "1 msec/sample", then name and unit of each channel.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecgmodel.support.units import plain_unit

_MOST_LETTERS = 2**16
_NUMBER = r"(\d{1,9}(?:[.,]\d{1,12})?)"
_SECONDS = {"s": 1.0, "sec": 1.0, "ms": 1e-3, "msec": 1e-3, "us": 1e-6, "usec": 1e-6, "min": 60.0}
_INTERVAL = re.compile(rf"{_NUMBER}\s*(s|sec|ms|msec|us|usec|min)\b", re.IGNORECASE)
_PER_SAMPLE = re.compile(rf"{_NUMBER}\s*(s|sec|ms|msec|us|usec|min)/sample", re.IGNORECASE)
_PER_SECOND = re.compile(rf"{_NUMBER}\s*(k?)(?:samples?/s(?:ec(?:ond)?)?|hz)", re.IGNORECASE)
_CHANNELS = re.compile(r"(\d{1,3}) channels?", re.IGNORECASE)
_RANGE = re.compile(r"[-+\d.,\s]*(\S{1,6})")


@dataclass(frozen=True)
class ProgramHeader:
    """What a recording program states.

    Attributes:
        fs: Sampling rate, Hz; None if it differs between devices.
        names: Names of the columns, "" where none is stated.
        units: Their units, None where none is stated.
        bits: Their ADC resolutions, None where none is stated.
        counts: Whether the first line of numbers is the length of each channel.
        ecg: Names of the columns whose sensor is an ECG.
    """

    fs: float | None
    names: tuple[str, ...]
    units: tuple[str | None, ...]
    bits: tuple[int | None, ...]
    counts: bool = False
    ecg: frozenset[str] = frozenset()


def program_header(above: Sequence[str], columns: int) -> ProgramHeader | None:
    """Return the header of a recording program, None without one.

    Args:
        above: The lines above the samples.
        columns: The number of columns.
    """
    for read in (_open_signals, _lab_chart, _acq_knowledge):
        found = read(above)
        if found is not None:
            more = columns - len(found.names)
            if more < 0:
                return None  # another table
            return ProgramHeader(
                found.fs,
                (*found.names, *[""] * more),
                (*found.units, *[None] * more),
                (*found.bits, *[None] * more),
                found.counts,
                found.ecg,
            )
    return None


def _open_signals(above: Sequence[str]) -> ProgramHeader | None:
    text = next((t.lstrip("# ") for t in above if re.match(r"#\s*\{", t)), "")[:_MOST_LETTERS]
    try:
        devices = list(json.loads(text).values()) if text else []
        names: list[str] = []
        bits: list[int | None] = []
        for device in devices:
            names += _sensor_names(device)
            bits += _resolutions(device)
        rates = {float(device["sampling rate"]) for device in devices}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if not names:
        return None
    fs = rates.pop() if len(rates) == 1 else None
    ecg = frozenset(name for name in names if name == "ECG" or name.startswith("ECG "))
    return ProgramHeader(fs, tuple(names), (None,) * len(names), tuple(bits), ecg=ecg)


def _sensor_names(device: Mapping[str, Any]) -> list[str]:
    """Return names of columns, with the sensor for a channel's label: ECG, or ECG A2 of several."""
    sensors = list(map(str, device.get("sensor", [])))
    labels = dict(zip(map(str, device.get("label", [])), sensors, strict=False))
    found = []
    for column in map(str, device["column"]):
        sensor = labels.get(column, "")
        several = sensors.count(sensor) > 1
        found.append(column if sensor in ("", "RAW") else f"{sensor} {column}" * several or sensor)
    return found


def _resolutions(device: Mapping[str, Any]) -> list[int | None]:
    stated = device.get("resolution", [])
    if not isinstance(stated, list) or len(stated) != len(device["column"]):
        return [None] * len(device["column"])
    return [int(bits) for bits in stated]


def _lab_chart(above: Sequence[str]) -> ProgramHeader | None:
    rows = {}
    for line in above:
        key, _, rest = line.partition("=")
        rows[key.strip().lower()] = [cell.strip() for cell in rest.strip("\t\r\n ").split("\t")]
    titles = rows.get("channeltitle")
    if not titles or "interval" not in rows:
        return None
    stated = rows.get("unitname") or rows.get("range") or []
    found = [_RANGE.fullmatch(text) for text in stated]
    units = [plain_unit(each[1]) if each else None for each in found]
    units = [*units, *[None] * len(titles)][: len(titles)]
    interval = _INTERVAL.match(" ".join(rows["interval"]))
    fs = 1 / (_number(interval[1]) * _SECONDS[interval[2].lower()]) if interval else None
    # The times of a block come first.
    return ProgramHeader(fs, ("time", *titles), ("s", *units), (None,) * (len(titles) + 1))


def _acq_knowledge(above: Sequence[str]) -> ProgramHeader | None:
    lines = [line.strip("\r\n\t ,;") for line in above]
    for at, line in enumerate(lines[:20]):
        fs = _acq_rate(line)
        count = _CHANNELS.fullmatch(lines[at + 1]) if at + 1 < len(lines) else None
        if fs and count:
            pairs = [text for text in lines[at + 2 :] if text][: 2 * int(count[1])]
            if len(pairs) < 2 * int(count[1]):
                return None
            names, units = pairs[::2], [plain_unit(unit) for unit in pairs[1::2]]
            time = re.match(r"(min|sec|s|ms|msec|hr?)\b", lines[-1], re.IGNORECASE)
            unit = time[1].lower() if time else None
            return ProgramHeader(
                fs,
                (*["time"] * bool(time), *names),
                (*[unit] * bool(time), *units),
                (None,) * (len(names) + bool(time)),
                counts=True,
            )
    return None


def _acq_rate(line: str) -> float | None:
    interval = _PER_SAMPLE.fullmatch(line)
    if interval and _number(interval[1]):
        return 1 / (_number(interval[1]) * _SECONDS[interval[2].lower()])
    rate = _PER_SECOND.fullmatch(line)
    return _number(rate[1]) * (1000 if rate[2] else 1) if rate else None


def _number(text: str) -> float:
    return float(text.replace(",", "."))
