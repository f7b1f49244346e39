"""The signals of a WFDB record as its header describes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import wfdb

from ecgmodel.errors import MissingFileError, RecordError
from ecgmodel.support.units import millivolts, plain_unit

_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?")
_LINE_ENDS = re.compile(r"\r\n|[\n\r\x0b\x0c\x1c-\x1e]")


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


class Text(NamedTuple):
    """A header's lines, with non-ASCII characters."""

    lines: list[str]
    comments: list[str]


def read_header(path: Path, name: str) -> wfdb.Record | wfdb.MultiRecord:
    """Return a record's header.

    Raises:
        MissingFileError: There is no header.
        RecordError: The header cannot be parsed, or describes no signal.
    """
    try:
        header = wfdb.rdheader(str(path))
    except FileNotFoundError as error:
        raise MissingFileError(f"{name}: the header {path}.hea is missing.") from error
    except Exception as error:  # wfdb raises various errors on malformed headers
        raise RecordError(
            f"{name}: {path}.hea cannot be read as a WFDB header ({error}). Correct it or leave "
            "the record out."
        ) from error
    simple = isinstance(header, wfdb.Record)
    described = len(header.file_name or ()) if simple else header.n_sig
    if not header.n_sig or described != header.n_sig or not header.fs or header.fs <= 0:
        raise RecordError(
            f"{name}: the header {path}.hea declares {header.n_sig} signals at {header.fs} Hz and "
            f"describes {described}. Expected at least one signal, all described, and a positive "
            "rate. Correct the header or leave the record out."
        )
    return header


def described(path: Path, record: wfdb.Record) -> list[Channel]:
    """Return a record's signals as described by its header, without samples.

    Args:
        path: The record's path without suffix.
        record: Its header as parsed by wfdb, which drops non-ASCII characters.
    """
    channels = []
    for i, line in enumerate(header_text(path).lines[1:]):
        words = re.split(r"[ \t]+", line.strip(), maxsplit=8)
        gain = words[2] if len(words) > 2 else ""
        number = _NUMBER.match(gain)
        unit = (record.units[i] if gain.isascii() else gain.partition("/")[2]) or "mV"
        name = record.sig_name[i] or ""
        full = words[8].strip() if len(words) > 8 else name
        channels.append(
            Channel(
                name=full if _ascii(full).strip() == name else name,
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


def header_text(path: Path) -> Text:
    """Return a header's decoded lines, without empty ones."""
    content = path.with_name(f"{path.name}.hea").read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    lines = [line.strip() for line in _LINE_ENDS.split(text) if _ascii(line).strip()]
    is_comment = [_ascii(line).lstrip().startswith("#") for line in lines]
    return Text(
        [line for line, is_one in zip(lines, is_comment, strict=True) if not is_one],
        [line for line, is_one in zip(lines, is_comment, strict=True) if is_one],
    )


def _ascii(text: str) -> str:
    return text.encode("ascii", "ignore").decode()


def unique(names: Sequence[str]) -> list[str]:
    """Return a unique name per lead; missing and duplicate names get the lead's number."""
    given = [name or f"lead{i + 1}" for i, name in enumerate(names)]
    numbered = [f"{name}_{i + 1}" for i, name in enumerate(given)]
    found = [n if given.count(n) == 1 else numbered[i] for i, n in enumerate(given)]
    return found if len(set(found)) == len(found) else numbered
