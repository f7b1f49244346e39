"""Tiny WFDB databases for tests: random samples in any format, listed as PhysioNet does."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import wfdb
from wfdb.io._signal import _required_byte_num

_LISTS = ("RECORDS", "SHA256SUMS.txt")


def write_record(
    folder: Path,
    name: str,
    samples: int = 1000,
    fs: str = "128",
    fmt: str = "212",
    leads: int = 2,
    frames: tuple[int, ...] = (),
    offset: int = 0,
    several_files: bool = False,
    start: str = "",
    beats: bool = True,
) -> Path:
    """Write a record of random bytes, which are samples in any format, and return its header.

    Args:
        folder: Where it goes; made if it is not there.
        name: Its name, which also seeds its samples.
        samples: Frames that it holds.
        fs: Sampling rate as the header has it, Hz.
        fmt: WFDB format.
        leads: Number of signals.
        frames: Samples a frame of each signal, if not 1.
        offset: Bytes before the first sample.
        several_files: One file a signal instead of one for all.
        start: Time and date of the first sample, as the header has it.
        beats: Write an annotation file too, one beat every 50 samples.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(list(name.encode()))
    frames = frames or (1,) * leads
    groups = [(n,) for n in frames] if several_files else [frames]
    names = [f"{name}_{n + 1}.dat" for n in range(leads)] if several_files else [f"{name}.dat"]
    for file, group in zip(names, groups, strict=True):
        size = offset + _required_byte_num("read", fmt, samples * sum(group))
        (folder / file).write_bytes(rng.bytes(size))
    files = names if several_files else names * leads
    times = [f"{file} {fmt}x{n}+{offset}" for file, n in zip(files, frames, strict=True)]
    header = folder / f"{name}.hea"
    first, sums = [0] * leads, [0] * leads
    for _ in range(2):  # the second time with what the samples of the first say
        lines = [f"{name} {leads} {fs} {samples} {start}".rstrip()]
        for n, time in enumerate(times):
            lines.append(f"{time} 200(0)/mV 12 0 {first[n]} {sums[n]} 0 ECG{n + 1}")
        header.write_text("\n".join([*lines, "# 45 F", ""]))
        signals = digital(header)
        first = [int(signal[0]) for signal in signals]
        sums = [(int(signal.sum()) + 32768) % 65536 - 32768 for signal in signals]
    if beats:
        places = np.arange(25, samples, 50)
        symbols = ["V" if n % 4 == 0 else "N" for n in range(len(places))]
        wfdb.wrann(name, "atr", places, symbols, write_dir=str(folder))
    return header


def digital(header: Path, **how: Any) -> list[np.ndarray]:
    """Return each signal's converter steps (int64); `how` as in `wfdb.rdrecord`."""
    path = str(header.with_suffix(""))
    record = wfdb.rdrecord(path, physical=False, smooth_frames=False, **how)
    return [np.asarray(signal, dtype=np.int64) for signal in record.e_d_signal]


def publish(folder: Path) -> Path:
    """Write RECORDS and SHA256SUMS.txt for the files of a database's folder, as PhysioNet does."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in _LISTS)
    names = {path: path.relative_to(folder).as_posix() for path in files}
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()} {names[path]}" for path in files]
    records = [name.removesuffix(".hea") for name in names.values() if name.endswith(".hea")]
    (folder / "RECORDS").write_text("".join(f"{name}\n" for name in records))
    (folder / "SHA256SUMS.txt").write_text("".join(f"{line}\n" for line in sums))
    return folder
