"""Parsing of WFDB headers, https://physionet.org/physiotools/wag/header-5.htm.

The fields of a line are parsed by wfdb. Names, length and start are not: wfdb takes a length of 0
literally, which stands for "not stated", and refuses start dates and file names that no reading
depends on.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, NamedTuple

from ecgmodel.errors import RecordError

_LINE_ENDS = re.compile(r"\r\n|[\n\r\x0b\x0c\x1c-\x1e]")
_RATE = re.compile(r"\d{1,9}(?:\.\d{0,15})?", re.ASCII)
_FOUR_DIGITS = re.compile(r"\d{1,2}/\d{1,2}/\d{4}", re.ASCII)


class Text(NamedTuple):
    """A header's lines, with non-ASCII characters.

    Attributes:
        lines: The lines without comments.
        comments: The comments, with their "#".
    """

    lines: list[str]
    comments: list[str]


class Parsed(NamedTuple):
    """A header.

    Attributes:
        wfdb: Its fields, a `wfdb.Record` or `wfdb.MultiRecord`; `sig_len` is None if the length is
            not stated, `base_time` and `base_date` are None if they are not stated or invalid.
        text: Its lines.
        start: Start time and date as they are written, "" if not stated.
        counter: Counter frequency and base counter value, e.g. "1000(5)"; "" if not stated.
    """

    wfdb: Any
    text: Text
    start: str
    counter: str


def parse_header(path: Path, record: str) -> Parsed:
    """Parse a header file.

    Args:
        path: The file, with its suffix.
        record: The record's name, for errors.

    Raises:
        RecordError: The header cannot be parsed.
    """
    text = header_text(path)
    try:
        words = text.lines[0].split()
        has_length = words[3:4] and words[3].isdecimal()
        start = words[4:] if has_length else words[3:]
        header = _fields(words[: 4 if has_length else 3], text.lines[1:])
    except Exception as error:  # wfdb raises various errors on malformed headers
        raise RecordError(
            f"Record {record}: {path} cannot be read as a WFDB header ({error!r}). Correct it or "
            "leave the record out."
        ) from error
    stated = words[2].split("/")[0].split("(")[0] if len(words) > 2 else ""
    # wfdb reads an invalid rate as 250 Hz, and "1e3" as 1 Hz.
    if stated and not (_RATE.fullmatch(stated) and float(stated) == header.fs):
        raise RecordError(
            f"{path.name}: expected a sampling rate, Hz. Received: {stated!r}. Correct the header."
        )
    header.base_time, header.base_date = _start(start)
    counter = words[2].partition("/")[2] if len(words) > 2 else ""
    return Parsed(header, text, " ".join(start), counter)


def header_text(path: Path) -> Text:
    """Return a header's decoded lines, without empty ones."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    lines = [line.strip() for line in _LINE_ENDS.split(text) if ascii_of(line).strip()]
    is_comment = [ascii_of(line).lstrip().startswith("#") for line in lines]
    return Text(
        [line for line, is_one in zip(lines, is_comment, strict=True) if not is_one],
        [line for line, is_one in zip(lines, is_comment, strict=True) if is_one],
    )


def ascii_of(text: str) -> str:
    """Return a text without its other characters, as wfdb reads it."""
    return text.encode("ascii", "ignore").decode()


def _fields(first: list[str], lines: list[str]) -> Any:
    """Return a header's fields; names are replaced for wfdb, which restricts them."""
    import wfdb
    from wfdb.io import _header

    _, several, segments = first[0].partition("/")
    length = first[3:] if first[3:] != ["0"] else []
    plain = ascii_of(" ".join([f"record{several}{segments}", *first[1:3], *length]))
    record = wfdb.MultiRecord() if segments else wfdb.Record()
    fields = _header._parse_record_line(plain)
    names = [line.split()[0] for line in lines]
    if segments:
        fields["seg_name"] = names
        fields["seg_len"] = [int(line.split()[1]) for line in lines]
        fields["layout"] = "variable" if fields["seg_len"][0] == 0 else "fixed"
    elif lines:
        rest = [ascii_of(line[len(name) :]) for line, name in zip(lines, names, strict=True)]
        fields |= _header._parse_signal_lines([f"file.dat{line}".strip() for line in rest])
        fields["file_name"] = names
    for name, value in fields.items():
        if segments or name != "n_seg":
            setattr(record, name, value)
    if record.sig_len is not None and not int(record.sig_len):
        record.sig_len = None
    return record


def _start(words: list[str]) -> tuple[time | None, date | None]:
    """Return the start; years of less than four digits are ambiguous and count as not stated."""
    from wfdb.io._header import wfdb_strptime

    at: time | None = None
    on: date | None = None
    for word in words[:2]:
        try:
            if "/" not in word:
                at = at or wfdb_strptime(word)
            elif _FOUR_DIGITS.fullmatch(word):
                on = datetime.strptime(word, "%d/%m/%Y").date()
        except (ValueError, UnboundLocalError):
            continue
    return at, on
