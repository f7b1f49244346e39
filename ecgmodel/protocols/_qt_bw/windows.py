"""Clean windows of the protocol: one beat each, cut at P-wave onsets and resampled by itself.

As DeepFilter prepares them (Romero et al. 2021, repository fperdigon/DeepFilter).
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import wfdb
from numpy.typing import NDArray
from scipy.signal import resample_poly

from ecgmodel.errors import MissingFileError, RecordError
from ecgmodel.wfdb.annotations import read_annotations

Array = NDArray[Any]

FS = 360.0
SAMPLES = 512
PADDING = 16
LONGEST = SAMPLES - PADDING
BEFORE_ONSET_S = 0.04
ANNOTATOR = "pu1"
P_WAVE, ONSET, BEAT = "p", "(", "N"


class Beats(NamedTuple):
    """The beats of one record.

    Attributes:
        windows: `(n, 512)` float32, mV at 360 Hz.
        starts: First sample of each beat at the record's own rate, `(n,)`.
        lengths: Samples of each beat at 360 Hz, `(n,)`.
    """

    windows: Array
    starts: Array
    lengths: Array


def record_beats(path: Path) -> Beats:
    """Read the first lead of a record and cut it into the protocol's windows.

    A lead without a gain is read with WFDB's default of 200 ADC units per mV, as all published work
    on the protocol does.

    Args:
        path: The record's WFDB files, without suffix; `pu1` annotations beside them.

    Raises:
        MissingFileError: A file of the record is not there.
        RecordError: The samples cannot be read, or hold missing values.
    """
    signal, fs, positions, symbols = _read(path)
    starts, ends = beat_edges(positions, symbols, fs)
    return cut_beats(signal, starts, ends, fs)


def beat_edges(positions: Array, symbols: Array, fs: float) -> tuple[Array, Array]:
    """Return where beats start and end: 40 ms before one P wave's onset to 40 ms before the next.

    A beat with two or more QRS annotations strictly inside it is left out.

    Args:
        positions: Sample of each annotation, ascending.
        symbols: Symbol of each annotation.
        fs: Sampling rate of the positions, Hz.
    """
    onsets = positions[symbols == ONSET]
    beats = positions[symbols == BEAT]
    before = np.searchsorted(onsets, positions[symbols == P_WAVE], side="left") - 1
    points = onsets[before[before >= 0]] - int(BEFORE_ONSET_S * fs)
    starts, ends = points[:-1], points[1:]
    first = np.searchsorted(beats, starts, side="right")
    inside = np.searchsorted(beats, ends, side="left") - first
    keep = (inside < 2) & (starts >= 0) & (ends > starts)
    return starts[keep], ends[keep]


def cut_beats(signal: Array, starts: Array, ends: Array, fs: float) -> Beats:
    """Resample beats to 360 Hz and set them into windows; those over 496 samples are dropped.

    Args:
        signal: One lead, `(samples,)`, mV.
        starts: First sample of each beat.
        ends: The sample after its last.
        fs: Sampling rate of the signal, Hz.
    """
    ratio = Fraction(FS / fs).limit_denominator(2000)
    lengths = -(-(ends - starts) * ratio.numerator // ratio.denominator)
    fits = lengths <= LONGEST
    starts, lengths, sizes = starts[fits], lengths[fits], (ends - starts)[fits]
    windows = np.zeros((len(starts), SAMPLES), np.float32)
    for size in np.unique(sizes):  # beats of one length are resampled together
        chosen = np.flatnonzero(sizes == size)
        beats = signal[starts[chosen, None] + np.arange(size)]
        resampled = _resample(beats, ratio, int(lengths[chosen[0]]))
        ends_mean = (resampled[:, :1] + resampled[:, -1:]) / 2
        windows[chosen, PADDING : PADDING + resampled.shape[1]] = resampled - ends_mean
    return Beats(windows, starts.astype(np.int64), lengths.astype(np.int64))


def _resample(beats: Array, ratio: Fraction, length: int) -> Array:
    """Return beats `(n, samples)` at the new rate, mirrored at both ends against edge effects."""
    mirrored = beats[:, ::-1]
    extended = np.concatenate([mirrored, beats, mirrored], axis=1)
    resampled = resample_poly(extended, ratio.numerator, ratio.denominator, axis=1)
    part: Array = resampled[:, length - 1 : 2 * length - 1]
    return part


def _read(path: Path) -> tuple[Array, float, Array, Array]:
    """Return the first lead in mV, its rate, and the annotations' positions and symbols."""
    try:
        record = wfdb.rdrecord(str(path), channels=[0])
    except FileNotFoundError as error:
        raise MissingFileError(
            f"{path.name}: a file is missing ({error}). The protocol needs {path}.hea, its "
            f"samples and {path}.{ANNOTATOR}; download the record again."
        ) from error
    except Exception as error:  # wfdb raises whatever its parsing runs into
        raise RecordError(
            f"{path.name}: {path} cannot be read ({error}). Download the record again."
        ) from error
    found = read_annotations(path, ANNOTATOR)
    signal = record.p_signal[:, 0]
    if not np.isfinite(signal).all():
        raise RecordError(
            f"{path.name}: expected every sample of the first lead. Received: "
            f"{int((~np.isfinite(signal)).sum())} missing ones. Download the record again."
        )
    return signal, float(record.fs), found.samples, found.symbols
