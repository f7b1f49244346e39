"""NumPy's `.npz`: named arrays with the signal, its rate and the leads' names."""

from __future__ import annotations

import io
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import HintNeededError, RecordError
from ecgmodel.files._arrays import (
    ArrayFile,
    ArrayShape,
    Leads,
    check_size,
    find_leads,
    read_shape,
    read_values,
    write_array,
    write_new,
)
from ecgmodel.files._channels import listed
from ecgmodel.files._ecg import Hints, Recording, check_rate, check_shape, table_rate_remark
from ecgmodel.files._limits import check_file, check_values
from ecgmodel.files._rates import ask_rate
from ecgmodel.support.samples import is_small, nameless_file

LABEL = "NumPy archive"
SUFFIXES = (".npz",)
COMMENT = "comment"
_RATES = ("fs", "sampling_rate", "sample_rate", "samplingrate", "sampling_frequency", "sfreq")
_UNITS = ("unit", "units")
_LEADS = ("leads", "lead_names")
_CHANNELS = ("sig_name", "channels", "channel_names", "ch_names")
_SIGNALS = ("signal", "signals", "ecg", "p_signal", "data", "x")
_MOST_ARRAYS = 10_000
_LONGEST_REASON = 500


@dataclass(frozen=True)
class _Found:
    """An archive's arrays.

    Attributes:
        key: Name of the signal's array.
        array: The signal.
        shapes: Headers of all arrays, by name.
        rate: Sampling rate, Hz, None if the archive has none.
        leads: The signal's leads.
    """

    key: str
    array: ArrayFile
    shapes: Mapping[str, ArrayShape]
    rate: float | None
    leads: Leads


def read(path: Path, hints: Hints) -> Recording:
    """Read an archive. See `ecgmodel.files.read_ecg`.

    The signal is the first array named "signal", "ecg", "p_signal", "data" or "x", or the only
    candidate; `hints.columns` may name another. The rate is a number named "fs" or
    "sampling_rate"; units and leads are strings ("units", "leads").

    Raises:
        HintNeededError: Signal, rate or unit are unknown.
        RecordError: The archive is damaged, or claims more data than plausible for its size.
    """
    found = _find(path, hints)
    fs = hints.fs if hints.fs is not None else found.rate
    if fs is None:
        raise ask_rate(path)
    remarks = table_rate_remark(fs, lambda: found.rate)
    other = tuple(name for name in found.shapes if name != found.key)
    return Recording(
        signal=found.leads.scaled.signal,
        fs=check_rate(fs, path),
        leads=found.leads.names,
        adc_ranges=(None,) * len(found.leads.names),
        other=(*found.leads.other, *other),
        remarks=(*found.leads.remarks, *remarks),
        hints=hints,
        declared=found.leads.declared,
    )


def rewrite(source: Path, ecg: Recording, into: Path, comment: str) -> None:
    """Write a copy of an archive with another signal; other arrays are copied byte by byte.

    The comment is added as the array "comment", unless there is one.
    """
    found = _find(source, ecg.hints)
    check_shape(ecg, found.leads.scaled.signal.shape, source)
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(into / source.name, "w") as new:
        for info in old.infolist():
            member = zipfile.ZipInfo(info.filename, info.date_time)
            member.compress_type = info.compress_type
            with new.open(member, "w", force_zip64=True) as file:
                if _name(info) == found.key:
                    with nameless_file(into) as made:
                        write_array(made, found.array, found.leads, ecg.signal)
                        made.seek(0)
                        shutil.copyfileobj(made, file)
                else:
                    with old.open(info) as kept:
                        shutil.copyfileobj(kept, file)
        if comment and COMMENT not in {_name(info) for info in old.infolist()}:
            buffer = io.BytesIO()
            np.save(buffer, np.array(comment), allow_pickle=False)
            new.writestr(f"{COMMENT}.npy", buffer.getvalue())


def write(name: str, ecg: Recording, into: Path, comment: str) -> None:
    """Write "signal" (samples, leads) in mV, "fs", "leads", "unit" and "comment"."""
    facts = {
        "fs": np.array(ecg.fs),
        "leads": np.array(ecg.leads),
        "unit": np.array("mV"),
        COMMENT: np.array(comment),
    }
    with zipfile.ZipFile(into / f"{name}.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("signal.npy", "w", force_zip64=True) as file:
            write_new(file, ecg.signal)
        for key, fact in facts.items():
            with archive.open(f"{key}.npy", "w") as file:
                np.lib.format.write_array(file, fact, allow_pickle=False)


def _name(info: zipfile.ZipInfo) -> str:
    return info.filename.removesuffix(".npy")


def _find(path: Path, hints: Hints) -> _Found:
    """Read the signal, rate and names of an archive.

    Raises:
        RecordError: The archive is damaged.
        HintNeededError: The signal's array is unknown.
    """
    size = check_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return _find_in(archive, size, hints, path)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        reason = str(error)[:_LONGEST_REASON]  # may quote long names from the file
        raise RecordError(
            f"{path.name} is a damaged archive ({reason}). Obtain the file again."
        ) from error


def _find_in(archive: zipfile.ZipFile, size: int, hints: Hints, path: Path) -> _Found:
    members = {_name(info): info for info in archive.infolist() if not info.is_dir()}
    if len(archive.infolist()) > _MOST_ARRAYS or len(members) != len(archive.infolist()):
        raise RecordError(
            f"{path.name}: expected at most {_MOST_ARRAYS:,} arrays, each once. Received: "
            f"{len(archive.infolist()):,} members. Save the recording again with np.savez."
        )
    check_values(path, sum(info.file_size for info in members.values()) // 8, size)
    arrays = {name: info for name, info in members.items() if info.filename.endswith(".npy")}
    shapes = {name: _shape(archive, info, path) for name, info in arrays.items()}
    key, columns = _signal(shapes, hints, path)
    array = _array(archive, members[key], shapes[key], path)
    units, leads, channels = (
        _texts(archive, members, shapes, names, path) for names in (_UNITS, _LEADS, _CHANNELS)
    )
    unit = units[0] if len(set(units)) == 1 else None
    are_leads = bool(leads) or columns != hints.columns  # the user named the array
    inner = replace(hints, columns=columns)
    found = find_leads(array, leads or channels, unit, inner, path, are_leads)
    rate = _rate(archive, members, shapes, path)
    return _Found(key, array, shapes, rate, found)


def _shape(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> ArrayShape:
    with archive.open(info) as file:
        return read_shape(file, path)


def _array(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, shape: ArrayShape, path: Path
) -> ArrayFile:
    """Return an array, unpacked: in memory if it is small, else in a temporary file."""
    check_size(shape, info.file_size, path)
    file = io.BytesIO() if is_small((shape.values, 1)) else nameless_file()
    with archive.open(info) as packed:
        shutil.copyfileobj(packed, file)  # reading to the end verifies the member's checksum
    return ArrayFile(file, shape, path)


def _values(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, shape: ArrayShape, path: Path
) -> NDArray[Any]:
    with archive.open(info) as file:
        file.read(shape.offset)
        array = read_values(file, shape, info.file_size, path)
        file.read(1)  # reading to the end verifies the member's checksum
        return array


def _signal(
    shapes: Mapping[str, ArrayShape], hints: Hints, path: Path
) -> tuple[str, tuple[str | int, ...]]:
    """Return the name of the signal's array, and the requested leads."""
    able = {name for name, s in shapes.items() if s.is_numeric and len(s.shape) in (1, 2)}
    able = {name for name in able if shapes[name].values > 2 and name.lower() not in _RATES}
    asked = [column for column in hints.columns if column in able]
    if asked:
        rest = tuple(column for column in hints.columns if column not in asked)
        return str(asked[0]), rest
    named = [name for want in _SIGNALS for name in sorted(able) if name.lower() == want]
    if named or len(able) == 1:
        return (named or sorted(able))[0], hints.columns
    raise HintNeededError(
        "--column",
        f"{path.name}: no array was recognised as the ECG. Name it with --column. Arrays: "
        f"{listed(sorted(shapes))}.",
    )


def _rate(
    archive: zipfile.ZipFile,
    members: Mapping[str, zipfile.ZipInfo],
    shapes: Mapping[str, ArrayShape],
    path: Path,
) -> float | None:
    for name, shape in shapes.items():
        if name.lower() in _RATES and shape.is_numeric and shape.values == 1:
            return float(_values(archive, members[name], shape, path).ravel()[0])
    return None


def _texts(
    archive: zipfile.ZipFile,
    members: Mapping[str, zipfile.ZipInfo],
    shapes: Mapping[str, ArrayShape],
    wanted: tuple[str, ...],
    path: Path,
) -> tuple[str, ...]:
    """Return the strings of the first array with one of the names; empty without one."""
    for name, shape in shapes.items():
        if name.lower() in wanted and shape.dtype.kind == "U" and shape.values <= 2**10:
            array = _values(archive, members[name], shape, path)
            return tuple(str(text) for text in array.ravel())
    return ()
