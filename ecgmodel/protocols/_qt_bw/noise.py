"""Noise of the protocol: which part of `bw` trains, validates and tests, and mixing at exact r."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import wfdb
from numpy.typing import NDArray

from ecgmodel.errors import DatasetError, MissingFileError, RecordError, SettingsError
from ecgmodel.protocols._qt_bw.windows import FS, SAMPLES
from ecgmodel.support.randomness import generator

Array = NDArray[Any]
Part = Literal["train", "validation", "training_half", "test"]

RECORD = "bw"
LENGTH = 650_000
HALF = LENGTH // 2
VALIDATION_START = HALF - HALF // 5
VERSIONS = (1, 2)
CHANNELS = {1: (0, 1), 2: (1, 0)}
"""Channel (from 0) that trains and channel that tests, by noise version."""
RANGES: dict[Part, tuple[int, int]] = {
    "train": (0, VALIDATION_START),
    "validation": (VALIDATION_START, HALF),
    "training_half": (0, HALF),
    "test": (HALF, LENGTH - 1),  # the published code leaves out the last sample
}
RATIO_HUNDREDTHS = (20, 200)
"""r is drawn from 0.20, 0.21 ... 1.99."""
RATIO_TOLERANCE = 1e-3


class Draw(NamedTuple):
    """Which noise each window gets.

    Attributes:
        channel: Channel of `bw`, from 0.
        starts: First sample of each window's piece in `bw`, `(n,)`.
        ratios: r of each window: noise peak-to-peak over clean peak-to-peak, `(n,)`.
    """

    channel: int
    starts: Array
    ratios: Array


def read_noise(path: Path) -> Array:
    """Read the noise recording, `(650000, 2)` float32, mV at 360 Hz.

    Its header gives no gain; WFDB's default of 200 ADC units per mV is used. The offset stays.

    Args:
        path: `bw` of nstdb, without suffix.

    Raises:
        MissingFileError: A file is not there.
        RecordError: It is another recording than the protocol's.
    """
    try:
        record = wfdb.rdrecord(str(path))
    except FileNotFoundError as error:
        raise MissingFileError(f"Noise record {path} is not there ({error}).") from error
    signal = np.asarray(record.p_signal, np.float32)
    if signal.shape != (LENGTH, 2) or record.fs != FS or not np.isfinite(signal).all():
        raise RecordError(
            f"Expected nstdb's {RECORD}: {LENGTH} samples of 2 channels at {FS:g} Hz, none "
            f"missing. Received: {path} with shape {signal.shape} at {record.fs:g} Hz."
        )
    return signal


def noise_part(noise: Array, version: int, part: Part) -> Array:
    """Return the noise that one part of one version may use, `(samples,)`, mV.

    Args:
        noise: From `read_noise`.
        version: 1 or 2; they differ in which channel trains and which tests.
        part: "train" (first four fifths of the training half), "validation" (its last fifth),
            "training_half" (both), or "test".

    Raises:
        SettingsError: There is no such version.
    """
    first, end = RANGES[part]
    result: Array = noise[first:end, _channel(version, part)]
    return result


def draw_noise(count: int, version: int, part: Part, seed: int = 0) -> Draw:
    """Return which noise each of `count` windows gets, the same at every call.

    Pieces follow one another without overlap, and start again when fewer than 512 samples are
    left. The ratios follow from seed, version and part.

    Raises:
        SettingsError: There is no such version.
    """
    first, end = RANGES[part]
    pieces = (end - first) // SAMPLES
    rng = generator(seed, "qt-bw", part, version)
    ratios = rng.integers(*RATIO_HUNDREDTHS, size=count) / 100
    starts = first + SAMPLES * (np.arange(count) % pieces)
    return Draw(_channel(version, part), starts, ratios)


def add_noise(clean: Array, noise: Array, draw: Draw) -> Array:
    """Return `clean + r * ptp(clean) / ptp(piece) * piece`, `(n, 512)` float32, mV.

    The piece keeps its offset. The ratio that the float32 windows really have is measured and
    must be the one asked for.

    Args:
        clean: `(n, 512)`, mV.
        noise: From `read_noise`.
        draw: Which piece and which ratio each window gets.

    Raises:
        DatasetError: A window or a piece is flat, or a ratio came out wrong.
    """
    pieces = noise[:, draw.channel][draw.starts[:, None] + np.arange(SAMPLES)].astype(np.float64)
    height, swing = np.ptp(clean.astype(np.float64), axis=1), np.ptp(pieces, axis=1)
    if not (np.all(height > 0) and np.all(swing > 0)):
        row = int(np.flatnonzero((height <= 0) | (swing <= 0))[0])
        raise DatasetError(
            f"Window {row} cannot be mixed: its clean signal has {height[row]:g} mV peak to peak, "
            f"its noise (from sample {draw.starts[row]}) {swing[row]:g} mV. Read both again."
        )
    alpha = draw.ratios * height / swing
    noisy = (clean + alpha[:, None] * pieces).astype(np.float32)
    _check_ratios(clean, noisy, draw)
    return noisy


def measured_ratios(clean: Array, noisy: Array) -> Array:
    """Return r of each window, `ptp(noisy - clean) / ptp(clean)`, measured in float64."""
    y = np.asarray(clean, np.float64)
    ratios: Array = np.ptp(noisy - y, axis=1) / np.ptp(y, axis=1)
    return ratios


def _check_ratios(clean: Array, noisy: Array, draw: Draw) -> None:
    found = measured_ratios(clean, noisy)
    wrong = ~(np.abs(found - draw.ratios) <= RATIO_TOLERANCE)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DatasetError(
            f"Window {row} should have noise of {draw.ratios[row]:g} times its own height, "
            f"{found[row]:.4f} was measured. Mix again."
        )


def _channel(version: int, part: Part) -> int:
    if version not in CHANNELS:
        raise SettingsError(f"Expected noise version 1 or 2. Received: version={version}")
    return CHANNELS[version][part == "test"]
