"""The signals of a WFDB record as its header describes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ecgmodel.support.units import millivolts, plain_unit
from ecgmodel.wfdb.headers import Parsed, ascii_of

_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?")


@dataclass(frozen=True)
class Channel:
    """A signal of a record.

    Attributes:
        name: Its unique name.
        unit: Its unit; "uV" for every spelling of microvolt.
        gain: ADC units per physical unit, None if the header gives none (wfdb would assume 200).
        baseline: The ADC value of 0 physical units; fractional if estimated.
        bits: The ADC resolution, bits; 0 if not stated.
        zero: The ADC zero, in the middle of its range; None if not stated.
        per_frame: Samples per frame.
        digital: `(frames * per_frame,)` float64, ADC units, NaN where a sample is missing.
    """

    name: str
    unit: str
    gain: float | None
    baseline: float
    bits: int
    zero: int | None
    per_frame: int
    digital: np.ndarray

    @property
    def mv_per_unit(self) -> float | None:
        """Its unit in mV, None if it is not a voltage."""
        return millivolts(self.unit)


def described(header: Parsed) -> list[Channel]:
    """Return a single-segment record's signals as described by its header, without samples.

    wfdb drops non-ASCII characters, so names and units are taken from the header's lines.
    """
    channels, record = [], header.wfdb
    for i, line in enumerate(header.text.lines[1:]):
        words = re.split(r"[ \t]+", line.strip(), maxsplit=8)
        gain = words[2] if len(words) > 2 else ""
        number = _NUMBER.match(gain)
        unit = (record.units[i] if gain.isascii() else gain.partition("/")[2]) or "mV"
        name = record.sig_name[i] or ""
        full = words[8].strip() if len(words) > 8 else name
        channels.append(
            Channel(
                name=full if ascii_of(full).strip() == name else name,
                unit=(plain_unit(unit) or unit) if millivolts(unit) else unit,
                gain=float(number.group()) if number else None,
                baseline=int(record.baseline[i]),
                bits=record.adc_res[i] or 0,
                zero=record.adc_zero[i],
                per_frame=record.samps_per_frame[i] or 1,
                digital=np.empty(0),
            )
        )
    return channels


def unique(names: Sequence[str]) -> list[str]:
    """Return a unique name per lead; missing and duplicate names get the lead's number."""
    given = [name or f"lead{i + 1}" for i, name in enumerate(names)]
    numbered = [f"{name}_{i + 1}" for i, name in enumerate(given)]
    found = [n if given.count(n) == 1 else numbered[i] for i, n in enumerate(given)]
    return found if len(set(found)) == len(found) else numbered
