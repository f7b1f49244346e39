"""Resampling, mixing and writing, compared with the same arithmetic in plain NumPy and SciPy.

Both sides read the WFDB files, filter every lead with zero phase, cut the same windows, add noise
from random positions (same types, shares and SNRs), and write the same arrays. The plain side has
no checks, no provenance, no Parquet and no random numbers seeded by names: it receives the windows,
and processes all rows of a noise type at once. Mask of usable samples and quality gate are plain
NumPy themselves: the first row of the table has them on both sides, the second only on the
project's.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
import scipy.signal
import wfdb

from benchmarks._measure import Row, compared, in_turn, seconds
from benchmarks._records import NOISE, mirror, mitdb, write_noise, write_simulated
from ecgmodel.dataset.mix_settings import MixSettings, TrainMix
from ecgmodel.dataset.mixing import UNMIXED, MixJob, mix_record
from ecgmodel.dataset.splits import noise_ranges
from ecgmodel.noise._part import NoisePart, NoiseRecording
from ecgmodel.signals.masks import MaskSettings, usable_samples
from ecgmodel.signals.quality import QualitySettings, judge
from ecgmodel.signals.resampling import ResampleSettings, resample_record
from ecgmodel.signals.standard import FS, RECORDED, USABLE

GOAL = 0.5
TYPES = {**dict.fromkeys(NOISE, 1.0), "mixed": 1.0}
MIX = MixSettings(window=1024, train=TrainMix(types=TYPES, on_top={}, copies=2))


class Plan(NamedTuple):
    """The windows of a record, for the plain side.

    Attributes:
        record: Path of the record without suffix.
        length: Standard length, samples.
        rows: For each lead and noise type, the first sample and the SNR of each row.
    """

    record: Path
    length: int
    rows: list[tuple[int, str, np.ndarray, np.ndarray]]


def run(quick: bool, scratch: Path) -> list[Row]:
    """Return the rows with and without mask and quality gate on the plain side."""
    records, noise_files, what = _records(quick, scratch)
    noise = _noise(noise_files, scratch)
    settings = ResampleSettings(length=None) if quick else ResampleSettings()

    def ours() -> None:
        for record in records:
            _one(record, settings, noise, _emptied(scratch / "ours" / record.name))

    ours()  # warms up both sides: reads files, loads libraries
    plans = [_plan(record, scratch / "ours" / record.name) for record in records]
    windows = sum(len(starts) for plan in plans for _, _, starts, _ in plan.rows)

    def bare(judged: bool) -> None:
        for plan in plans:
            _bare(plan, noise, judged, _emptied(scratch / "bare" / plan.record.name))

    bare(True)
    times = in_turn(
        2 if quick else 7,
        lambda: seconds(ours),
        lambda: seconds(lambda: bare(True)),
        lambda: seconds(lambda: bare(False)),
    )
    what = f"read, resample, mix, write: {windows:,} windows of {MIX.window} from {what}"
    return [
        compared("mixing", measured, windows, "windows/s", times[0], other, GOAL)
        for measured, other in (
            (f"{what}; plain code with mask and quality gate", times[1]),
            (f"{what}; plain code without mask and quality gate", times[2]),
        )
    ]


def _records(quick: bool, scratch: Path) -> tuple[list[Path], list[Path], str]:
    """Return the paths of clean records and of noise records, and a description."""
    folder = mirror()
    if folder and not quick:
        noise = [folder / "nstdb" / "1.0.0" / name for name in NOISE]
        records = mitdb(folder)[:6]
        return records, noise, f"{len(records)} records of mitdb"
    minutes, count = (0.5, 1) if quick else (30.0, 6)
    names = [f"rec{n}" for n in range(count)]
    records = write_simulated(scratch / "clean", names, minutes)
    return records, write_noise(scratch / "noise", 3.0), f"{count} simulated records at 360 Hz"


def _noise(files: list[Path], scratch: Path) -> NoisePart:
    """Return the training part of the noise, resampled by the pipeline."""
    how = ResampleSettings(length=None, target="as_recorded", uncalibrated_gain=200.0)
    recordings = {}
    for file in files:
        into = _emptied(scratch / "resampled noise" / file.name)
        resample_record(file, file.name, 0.0, "", how, into)
        signal, usable = np.load(into / RECORDED), np.load(into / USABLE)
        recordings[file.name] = NoiseRecording(file.name, signal, usable)
    ranges = {name: noise_ranges(len(r.signal))["train"] for name, r in recordings.items()}
    return NoisePart(recordings, ranges)


def _one(record: Path, settings: ResampleSettings, noise: NoisePart, into: Path) -> None:
    """Resample and mix a record by the pipeline."""
    facts = resample_record(record, record.name, 0.0, "atr", settings, into)
    job = MixJob(record.name, record.name, "train")
    mix_record(into, job, facts, noise, MIX, QualitySettings(), into)


def _plan(record: Path, done: Path) -> Plan:
    """Return the windows that the pipeline has chosen, with noise types and SNRs."""
    length = len(np.load(done / USABLE, mmap_mode="r"))
    columns = ["lead", "start", "noise_type", "target_snr_db"]
    table = pq.read_table(done / "shard.parquet", columns=columns).to_pandas()
    leads = wfdb.rdheader(str(record)).sig_name
    rows = [
        (leads.index(lead), kind, group["start"].to_numpy(), group["target_snr_db"].to_numpy())
        for (lead, kind), group in table.groupby(["lead", "noise_type"])
    ]
    return Plan(record, length, rows)


def _bare(plan: Plan, noise: NoisePart, judged: bool, into: Path) -> None:
    """Do the arithmetic of `_one` in plain NumPy and SciPy."""
    signal = wfdb.rdrecord(str(plan.record)).p_signal[: plan.length]
    usable = usable_samples(signal, FS, MaskSettings()) if judged else np.ones(signal.shape, bool)
    sos = scipy.signal.butter(2, 0.5, "highpass", fs=FS, output="sos")
    padding = min(len(signal) - 1, int(3 * FS / 0.5))
    target = scipy.signal.sosfiltfilt(sos, signal, axis=0, padlen=padding)
    end = ((0, plan.length - len(signal)), (0, 0))
    signal, target = (np.pad(x, end).astype(np.float32) for x in (signal, target))
    signal.tofile(into / "recorded")
    target.tofile(into / "target")
    np.pad(usable, end).tofile(into / "usable")
    if judged:
        for lead in range(target.shape[1]):
            starts = np.arange(0, len(target) - MIX.window + 1, MIX.window)
            judge(target[:, lead][starts[:, None] + np.arange(MIX.window)], FS, QualitySettings())
    rng = np.random.default_rng(0)
    with (into / "noisy").open("wb") as noisy, (into / "clean").open("wb") as clean:
        for lead, kind, starts, snr in plan.rows:
            x = target[:, lead][starts[:, None] + np.arange(MIX.window)]
            mixed = x if kind == UNMIXED else _mixed(x, kind, snr, noise, rng)
            mixed.tofile(noisy)
            x.tofile(clean)


def _mixed(
    x: np.ndarray, kind: str, snr: np.ndarray, noise: NoisePart, rng: np.random.Generator
) -> np.ndarray:
    """Return windows with noise of one type at given SNRs."""
    if kind == "mixed":
        added = np.zeros(x.shape)
        for name in NOISE:
            piece = _pieces(name, len(x), noise, rng)
            amplitude = rng.uniform(0.25, 1.0, len(x)) / np.sqrt((piece**2).mean(axis=1))
            added += amplitude[:, None] * piece
    else:
        added = _pieces(kind, len(x), noise, rng)
    power = x.var(axis=1, dtype=np.float64)
    gain = np.sqrt(power / ((added**2).mean(axis=1) * 10 ** (snr / 10)))
    return np.asarray((x + gain[:, None] * added).astype(np.float32))


def _pieces(name: str, count: int, noise: NoisePart, rng: np.random.Generator) -> np.ndarray:
    """Return zero-mean noise from random positions of a recording, `(count, window)`."""
    first, end = noise.ranges[name]
    signal = noise.recordings[name].signal
    starts = rng.integers(first, end - MIX.window + 1, count)
    leads = rng.integers(signal.shape[1], size=count)
    pieces = signal[starts[:, None] + np.arange(MIX.window), leads[:, None]].astype(np.float64)
    return np.asarray(pieces - pieces.mean(axis=1, keepdims=True))


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
