"""The protocol's leads, the clean lead behind them, and their reference beats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgmodel.errors import DatasetError, RecordError
from ecgmodel.evaluation.detection import beat_samples
from ecgmodel.protocols._qrs_stress.records import (
    FIRST_NOISY_MIN,
    FS,
    LEAD,
    noisy_segments,
    person_and_level,
    record_name,
)
from ecgmodel.protocols._work import record_path
from ecgmodel.store import Stored
from ecgmodel.support.dataclass_files import load, save
from ecgmodel.support.decibels import decibels
from ecgmodel.wfdb.annotations import read_annotations
from ecgmodel.wfdb.millivolts import read_recording

Array = NDArray[Any]

ANNOTATOR = "atr"
STEP_DB = 24
"""The clean lead is recovered from the records at 24 and at 0 dB."""

TOLERANCE_DB = 0.1
LEADS, CLEAN = "leads.npz", "clean.npz"


@dataclass(frozen=True)
class Lead:
    """One record of the protocol.

    Attributes:
        record: Its name, e.g. "118e06".
        noisy: `(samples,)` float32, mV, less the median of the noise-free start.
        beats: Where the reference beats are, samples.
    """

    record: str
    noisy: Array
    beats: Array


@dataclass(frozen=True)
class QrsStress:
    """All that the protocol is made of.

    Attributes:
        leads: One a record, by name.
        clean: By person, the recovered clean lead `(samples,)`, mV; missing where the record at 24
            or at 0 dB is not there.
    """

    leads: Mapping[str, Lead]
    clean: Mapping[str, Array]


def collect(records: Mapping[str, Path]) -> QrsStress:
    """Read all records and recover the clean leads.

    Args:
        records: By name, each record's files without suffix.

    Raises:
        DatasetError: There is no record.
        MissingFileError: A record has no reference beats.
        RecordError: A record has no lead MLII, another rate, or missing samples.
    """
    if not records:
        raise DatasetError("Expected records of nstdb, e.g. 118e24. Received: none.")
    leads = {name: _read(path, name) for name, path in sorted(records.items())}
    clean: dict[str, Array] = {}
    for person in {person_and_level(name)[0] for name in leads}:
        high, low = (leads.get(record_name(person, level)) for level in (STEP_DB, 0))
        if high and low:
            clean[person] = recover_clean(high.noisy, low.noisy)
    data = QrsStress(leads, clean)
    check_levels(data)
    return data


def check_levels(data: QrsStress) -> None:
    """Raise if a record is not at its level: a wrong scale would flatter every method.

    Levels are nominal, so what is checked is their distance from the record at 24 dB.

    Raises:
        DatasetError: A record is more than 0.1 dB off.
    """
    for name, lead in data.leads.items():
        person, level = person_and_level(name)
        if (clean := data.clean.get(person)) is None:
            continue
        highest = data.leads[record_name(person, STEP_DB)]
        below = noise_level(lead.noisy, clean) - noise_level(highest.noisy, clean)
        if abs(below - (STEP_DB - level)) > TOLERANCE_DB:
            raise DatasetError(
                f"nstdb/{name}: expected noise {STEP_DB - level} dB above that of "
                f"{highest.record}. Received: {below:.2f} dB. Download both records again."
            )


def noise_level(noisy: Array, clean: Array) -> float:
    """Return the power of the noise in the noisy segments, without their means, dB over 1 mV^2."""
    noise = np.asarray(noisy, np.float64) - clean
    power = [noise[first:end].var() for _, first, end in noisy_segments(len(noise))]
    return float(decibels(np.mean(power)))


def recover_clean(high: Array, low: Array, step_db: float = STEP_DB) -> Array:
    """Return the clean lead behind two records with the same noise at different levels.

    `high = clean + noise` and `low = clean + g noise` with `g = 10^(step_db / 20)`, so
    `clean = high - (low - high) / (g - 1)`.

    Args:
        high: The lead with the higher SNR, its offset taken out, mV.
        low: The one with the lower SNR, likewise.
        step_db: By how much they differ, dB.
    """
    gain = 10 ** (step_db / 20)
    high, low = np.asarray(high, np.float64), np.asarray(low, np.float64)
    clean: Array = high - (low - high) / (gain - 1)
    return clean.astype(np.float32)


def prepare(downloads: Mapping[str, Stored], into: Path) -> dict[str, Any]:
    """Write the protocol's leads and clean leads; return facts for the manifest.

    Args:
        downloads: Records of nstdb, whole files with their `atr` annotations.
        into: The folder.
    """
    paths = {str(one.info["record"]): record_path(one) for one in downloads.values()}
    return write(collect(paths), into)


def write(data: QrsStress, into: Path) -> dict[str, Any]:
    """Write the data; return facts for the manifest."""
    save(list(data.leads.values()), into / LEADS)
    np.savez(into / CLEAN, allow_pickle=False, **data.clean)
    return {"records": sorted(data.leads), "clean": sorted(data.clean)}


def read(prepared: Stored) -> QrsStress:
    """Read what `prepare` wrote."""
    leads = {lead.record: lead for lead in load(prepared.file(LEADS), Lead)}
    with np.load(prepared.file(CLEAN), allow_pickle=False) as clean:
        return QrsStress(leads, dict(clean))


def _read(path: Path, name: str) -> Lead:
    recording = read_recording(path, f"nstdb/{name}")
    if LEAD not in recording.leads or recording.fs != FS:
        raise RecordError(
            f"nstdb/{name}: expected a lead {LEAD} at {FS:g} Hz. Received: "
            f"{', '.join(recording.leads)} at {recording.fs:g} Hz. Download the record again."
        )
    signal = recording.signal[:, recording.leads.index(LEAD)]
    if not np.isfinite(signal).all():
        missing = int((~np.isfinite(signal)).sum())
        raise RecordError(
            f"nstdb/{name}: expected every sample of lead {LEAD}. Received: {missing} missing "
            "ones. Download the record again."
        )
    quiet = signal[: round(60 * FS * FIRST_NOISY_MIN)]  # the same samples in all of a person's
    noisy = (signal - np.median(quiet)).astype(np.float32)
    return Lead(name, noisy, _reference(path))


def _reference(path: Path) -> Array:
    found = read_annotations(path, ANNOTATOR)
    return beat_samples(found.samples, found.symbols)
