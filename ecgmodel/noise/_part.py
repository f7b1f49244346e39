"""The part of the noise recordings that one split may use, and pieces cut from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ecgmodel.errors import RecordError

ATTEMPTS = 64
# A piece quieter than this cannot be scaled to an SNR, mV.
SILENCE = 1e-6


class Origin(NamedTuple):
    """Where a piece of noise was cut: record, lead (number) and first sample at 360 Hz."""

    record: str
    lead: int
    start: int


class Noise(NamedTuple):
    """A piece of noise `(samples,)`, zero-mean, and the recorded pieces that it is made of."""

    samples: np.ndarray
    origins: tuple[Origin, ...]


@dataclass(frozen=True)
class NoiseRecording:
    """A noise recording at 360 Hz.

    Attributes:
        name: Its record name, e.g. "em".
        signal: `(samples, leads)`.
        usable: `(samples, leads)`, bool.
    """

    name: str
    signal: np.ndarray
    usable: np.ndarray


@dataclass(frozen=True)
class NoisePart:
    """The stretch of each noise recording that belongs to one split.

    Attributes:
        recordings: By record name.
        ranges: First sample and the one after the last, by record name.
    """

    recordings: Mapping[str, NoiseRecording]
    ranges: Mapping[str, tuple[int, int]]

    def cut(self, record: str, length: int, rng: np.random.Generator) -> Noise:
        """Return a zero-mean piece of a recording, from a random lead and position.

        Raises:
            RecordError: The part is shorter than the piece, or holds no usable one.
        """
        recording = self.recordings[record]
        first, end = self.ranges[record]
        if end - first < length:
            raise RecordError(
                f"Noise record {record!r} has {end - first} samples at 360 Hz for this split, "
                f"fewer than a piece of {length}. Use a longer noise recording, or a shorter "
                "mix.window or mix.stretch_s."
            )
        for _ in range(ATTEMPTS):
            lead = int(rng.integers(recording.signal.shape[1]))
            start = int(rng.integers(first, end - length + 1))
            piece = recording.signal[start : start + length, lead]
            if recording.usable[start : start + length, lead].all() and piece.std() > SILENCE:
                centred = piece - piece.mean(dtype=np.float64)
                return Noise(centred, (Origin(record, lead, start),))
        raise RecordError(
            f"Noise record {record!r}: no usable piece of {length} samples was found between "
            f"samples {first} and {end}. It is flat, clipped or missing there."
        )
