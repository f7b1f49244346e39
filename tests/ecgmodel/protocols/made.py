"""Made records, their downloads, and noise for the tests of the protocol `qt-bw`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import wfdb

from ecgmodel.protocols._qt_bw.data import QtBw
from ecgmodel.protocols._qt_bw.noise import LENGTH
from ecgmodel.protocols._qt_bw.records import split_of, subject_of
from ecgmodel.steps.data import Step
from ecgmodel.store import Store, Stored, Unit
from tests.wfdb_files import write_record

# P waves at 120, 370, 620, 870, 1270 and 1400, whose onsets are 20 samples earlier; 300 is an
# onset of a T wave. Two QRS annotations lie between 600 and 850.
ANNOTATIONS = (
    *((100, "("), (120, "p"), (130, ")"), (160, "N"), (300, "("), (310, "t")),
    *((350, "("), (370, "p"), (410, "N"), (600, "("), (620, "p"), (660, "N"), (800, "N")),
    *((850, "("), (870, "p"), (910, "N"), (1250, "("), (1270, "p"), (1300, "N")),
    *((1380, "("), (1400, "p"), (1440, "N")),
)


def sine(samples: int = 2000) -> np.ndarray:
    """Return 2 Hz of 1 mV at 250 Hz, on an offset of 0.5 mV."""
    return 0.5 + np.sin(2 * np.pi * 2 * np.arange(samples) / 250)


def write_annotated(
    folder: Path,
    name: str,
    signal: np.ndarray,
    annotations: tuple[tuple[int, str], ...] = ANNOTATIONS,
) -> Path:
    """Write a record of two leads at 250 Hz with `pu1` annotations; the second is the negative."""
    both = np.stack([signal, -signal], axis=1)
    path = write_record(folder, name, both, 250.0, ("ECG1", "ECG2"), gain=2000.0)
    at, symbols = (list(column) for column in zip(*annotations, strict=True))
    wfdb.wrann(name, "pu", np.array(at), symbols, write_dir=str(folder))
    path.with_suffix(".pu").rename(path.with_suffix(".pu1"))  # wfdb takes letters alone
    return path


def made_noise(seed: int = 0) -> np.ndarray:
    """Return a random walk in the place of `bw`, with an offset in each channel."""
    steps = np.random.default_rng(seed).normal(0, 0.02, (LENGTH, 2))
    return (np.cumsum(steps, axis=0) * 0.1 + [0.4, -0.7]).astype(np.float32)


def made_data(records: tuple[str, ...] = ("sel123", "sel302", "sel820", "sel306")) -> QtBw:
    """Return ten windows of each record: a narrow peak whose height tells the record."""
    clean, rows = [], []
    for height, name in enumerate(sorted(records), start=1):
        peak = np.exp(-0.5 * ((np.arange(512) - 200) / 6.0) ** 2)
        clean.append(np.repeat(height * peak[None], 10, axis=0).astype(np.float32))
        for n in range(10):
            row = {"record": name, "subject": subject_of(name), "split": split_of(name)}
            rows.append({**row, "start": 300 * n, "samples": 400})
    return QtBw(np.concatenate(clean), pd.DataFrame(rows), made_noise())


def downloaded(store: Store, path: Path) -> Stored:
    """Return a record's files as a download leaves them."""

    def copy(into: Path) -> dict[str, str]:
        for file in path.parent.glob(f"{path.name}.*"):
            (into / file.name).write_bytes(file.read_bytes())
        return {"record": path.name, "header": path.name}

    return Step(Unit("download", path.name, {}), copy).run(store)
