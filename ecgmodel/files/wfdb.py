"""WFDB records: a header, signal files and annotation files."""

from __future__ import annotations

import glob
import re
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ecgmodel.errors import EcgError, MissingFileError, RecordError
from ecgmodel.files._channels import choose_leads
from ecgmodel.files._ecg import Annotation, Hints, Recording, check_rate, header_rate_remark
from ecgmodel.files._finding import WFDB, format_of, record_path
from ecgmodel.files._limits import HEADER_BYTES, check_file, check_values
from ecgmodel.wfdb.layout import Header, check_segment, check_sizes, read_header
from ecgmodel.wfdb.names import ANNOTATORS, safe_name

if TYPE_CHECKING:
    from ecgmodel.wfdb.reading import StoredRecord

LABEL = "WFDB record"
# Further annotators of PhysioNet's databases and of the WFDB software.
_MORE = "ann apn ari atm gqrs jqrs marker mrg pu q2c qt1 qt2 sqrs st sta stb stc stf vf wabp wqrs"
_ANNOTATORS = frozenset((*ANNOTATORS, *_MORE.split()))
SUFFIXES = (".hea", ".dat", *sorted(f".{annotator}" for annotator in _ANNOTATORS))
# Annotators whose beats and notes are converted to other formats.
_BEAT_ANNOTATORS = ("atr", "ecg", "qrs", "man")
_COMPRESSED = ("508", "516", "524")
_MOST_SKEW = 10_000
_ANNOTATION_BYTES = 2**24
_LONGEST_LINE = 1000
_NOT_IN_NAMES = re.compile(r"[^-\w]+", re.ASCII)


def read(path: Path, hints: Hints) -> Recording:
    """Read a record; segments are joined. See `ecgmodel.files.read_ecg`.

    All samples are read once, to check them; those of a long record are not kept, except those in
    format 8 or without a stated length (`ecgmodel.wfdb.reading.open_stored_record`).

    Raises:
        MissingFileError: A file of the record is missing.
        RecordError: Header and data disagree, a header names files outside its folder, or no
            channel is in volts.
        HintNeededError: No ECG leads were recognised, they differ in rate, or one has no gain.
    """
    from ecgmodel.wfdb.millivolts import in_volts, scaling_of  # wfdb takes a second to import
    from ecgmodel.wfdb.opening import checked_millivolts
    from ecgmodel.wfdb.reading import open_stored_record

    record = _record(path)
    _check(record)
    stored = open_stored_record(record.absolute(), record.name)
    volts = in_volts(stored)
    names = [channel.name for channel in volts]
    chosen = choose_leads(names, ["mV"] * len(volts), hints, record)
    scaling = scaling_of(stored, [volts[i] for i in chosen.leads], hints.gain)
    signal, adc_ranges = checked_millivolts(stored, scaling)
    left = [file for file in extra_files(record) if not _stays(file)]
    return Recording(
        signal=signal,
        fs=scaling.fs,
        leads=scaling.leads,
        adc_ranges=adc_ranges,
        other=tuple(c.name for c in stored.channels if c.name not in scaling.leads),
        remarks=(
            *scaling.remarks,
            *chosen.remarks,
            *header_rate_remark(scaling.fs, hints),
            *(f"{file.name}: omitted, a link to another folder" for file in left),
        ),
        start=_start(stored),
        annotations=_annotations(record, stored.frame_fs),
        hints=hints,
        declared=chosen.declared,
    )


def rewrite(source: Path, ecg: Recording, into: Path, comment: str) -> None:
    """Write a copy of a record with other samples, and its annotation files."""
    from ecgmodel.wfdb.writing import write_cleaned

    record = _record(source).absolute()
    write_cleaned(record, ecg.signal, comment, into, ecg.leads)
    for file in filter(_stays, extra_files(record)):
        shutil.copyfile(file, into / file.name)


def write(name: str, ecg: Recording, into: Path, comment: str) -> None:
    """Write a new record in format 16 with a resolution of 1 uV, or in 32 bits if that overflows.

    Annotations are written to a `.atr` file: WFDB symbols unchanged, other texts as notes.
    """
    from ecgmodel.wfdb.writing import write_signal

    write_signal(name, ecg.signal, ecg.fs, ecg.leads, [comment], ecg.start, into)
    if ecg.annotations:
        _write_annotations(name, ecg, into)


def plain_name(name: str) -> str:
    """Return a valid record name, with "_" for characters that WFDB does not allow."""
    return _NOT_IN_NAMES.sub("_", name).strip("_") or "record"


def files(path: Path) -> list[Path]:
    """Return a record's header, signal and annotation files; for a damaged record those known."""
    record = _record(path)
    own = _own_names(record)
    return [*map(record.with_name, own), *filter(_stays, _annotation_files(record, own))]


def extra_files(path: Path) -> list[Path]:
    """Return a record's annotation files, recognised by suffix or content."""
    record = _record(path)
    return _annotation_files(record, _own_names(record))


def _own_names(record: Path) -> list[str]:
    """Return the names of a record's header and signal files."""
    names = [f"{record.name}.hea"]
    try:
        header = _header(record, record.name)
        headers = [header]
        for name in dict.fromkeys(header.segments):
            segment = safe_name(name, f"segment in the header of {record.name},")
            names.append(f"{segment}.hea")
            headers.append(_header(record.with_name(segment), record.name))
        names += [file.name for each in headers for file in each.files]
    except EcgError:
        names.append(f"{record.name}.dat")
    return list(dict.fromkeys(names))


def _record(path: Path) -> Path:
    """Return the record that a file belongs to.

    Raises:
        MissingFileError: There is no header.
    """
    record = record_path(path)
    if record is None:
        raise MissingFileError(
            f"{path} has no header. Expected {path.with_suffix('.hea').name} in its folder."
        )
    return record


def _check(record: Path) -> None:
    """Check a record's files against its headers, before the samples are read.

    Raises:
        MissingFileError: A file is missing.
        RecordError: Header and data disagree.
    """
    header = _header(record, record.name)
    headers = [header]
    for name in dict.fromkeys(header.segments):
        segment = record.with_name(safe_name(name, f"segment in the header of {record.name},"))
        headers.append(_header(segment, record.name))
        check_segment(header, headers[-1])
    size, lengths = 0, []
    for each in headers:
        _check_fields(each)
        lengths.append(check_sizes(each, record.parent))
        size += sum((record.parent / file.name).stat().st_size for file in each.files)
    frames = max(lengths[0] or 0, header.length or 0)
    widest = max(sum(getattr(each.wfdb, "samps_per_frame", None) or ()) for each in headers)
    check_values(record, frames * max(widest, header.wfdb.n_sig), size)


def _header(record: Path, name: str) -> Header:
    path = record.with_name(f"{record.name}.hea")
    check_file(path, HEADER_BYTES)
    with path.open(encoding="latin-1") as file:
        lines = [line for line in file if line.strip() and line[0] != "#"]
    if max(map(len, lines), default=0) > _LONGEST_LINE:
        raise RecordError(
            f"{path.name} is not a WFDB header: expected lines of at most {_LONGEST_LINE} "
            "characters. Received a longer one."
        )
    header = read_header(path, name)
    check_rate(header.fs, path)
    return header


def _check_fields(header: Header) -> None:
    """Check the formats and the skew in a header.

    Raises:
        RecordError: A format is unknown, or a skew is implausible.
    """
    unknown = [file.fmt for file in header.files if not (file.known or file.fmt in _COMPRESSED)]
    if unknown:
        raise RecordError(
            f"{header.path.name}: expected a WFDB format such as 16, 212 or 516. Received: "
            f"{unknown[0]!r}. Correct the header."
        )
    skews = [skew for skew in getattr(header.wfdb, "skew", None) or () if skew]
    if any(abs(skew) > _MOST_SKEW for skew in skews):
        raise RecordError(
            f"{header.path.name}: expected a skew of at most {_MOST_SKEW} samples. "
            f"Received: {max(skews, key=abs)}. Correct the header."
        )


def _start(stored: StoredRecord) -> datetime | None:
    if stored.base_date and stored.base_time:
        return datetime.combine(stored.base_date, stored.base_time)
    return None


def _annotation_files(record: Path, own: Sequence[str]) -> list[Path]:
    """Return the annotation files in a record's folder, without its header and signal files."""
    found = sorted(record.parent.glob(f"{glob.escape(record.name)}.*"))
    return [file for file in found if file.name not in own and _is_annotation(file, record)]


def _is_annotation(file: Path, record: Path) -> bool:
    from ecgmodel.wfdb.annotations import are_annotations

    if file.stem != record.name or not file.is_file() or file.suffix in (".hea", ".dat"):
        return False
    if file.suffix[1:] in _ANNOTATORS:
        return True
    small = file.stat().st_size <= _ANNOTATION_BYTES
    return format_of(file) == WFDB and small and _stays(file) and are_annotations(file.read_bytes())


def _stays(file: Path) -> bool:
    """Return whether a file is in its folder and not a link to another one."""
    return file.resolve().parent == file.parent.resolve()


def _annotations(record: Path, fs: float) -> tuple[Annotation, ...]:
    """Return the annotations of the first readable annotation file; damaged files are skipped."""
    from ecgmodel.wfdb.annotations import read_annotations

    for suffix in _BEAT_ANNOTATORS:
        file = record.with_name(f"{record.name}.{suffix}")
        if file.is_file() and _stays(file):
            try:
                found = read_annotations(record, suffix)
            except RecordError:
                continue
            times = (found.samples / (found.fs or fs)).tolist()
            rows = zip(times, found.symbols, found.notes, strict=True)
            return tuple(Annotation(at, None, note or symbol) for at, symbol, note in rows)
    return ()


def _write_annotations(name: str, ecg: Recording, into: Path) -> None:
    """Write annotations read from another format."""
    import wfdb

    known = set(wfdb.io.annotation.ann_label_table["symbol"]) - {" "}
    annotations = [
        annotation
        for annotation in ecg.annotations
        if 0 <= annotation.at_s * ecg.fs < len(ecg.signal)
    ]
    if not annotations:
        return
    wfdb.wrann(
        name,
        "atr",
        np.array([round(annotation.at_s * ecg.fs) for annotation in annotations]),
        [
            annotation.text if annotation.text in known else _kind(annotation.text)
            for annotation in annotations
        ],
        aux_note=[
            "" if annotation.text in known else annotation.text for annotation in annotations
        ],
        fs=ecg.fs,
        write_dir=str(into),
    )


def _kind(text: str) -> str:
    """Return the WFDB symbol of a note; texts of rhythm changes start with a bracket."""
    return "+" if text.startswith("(") else '"'
