"""The part of the noise recordings that one split may use, and pieces cut from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ecgmodel.errors import RecordError

ATTEMPTS = 64


class Origin(NamedTuple):
    """Where a piece of noise was cut: record, lead (number) and first sample at 360 Hz."""

    record: str
    lead: int
    start: int


class Noise(NamedTuple):
    """A piece of noise `(samples,)` and the recorded pieces that it is made of.

    Neither offset nor scale matter: mixing removes the one and sets the other.
    """

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

    @cached_property
    def _unusable_before(self) -> np.ndarray:
        return np.cumsum(np.pad(~self.usable, ((1, 0), (0, 0))), axis=0, dtype=np.int32)

    def is_usable(self, lead: int, start: int, length: int) -> bool:
        """Return whether a lead holds usable samples only, from `start` for `length`."""
        before = self._unusable_before
        return bool(before[start, lead] == before[start + length, lead])


def check_length(record: str, samples: int, length: int) -> None:
    """Raise an error if the part of a noise recording that a split may use holds no whole piece.

    Args:
        record: The noise recording.
        samples: Length of the part at 360 Hz.
        length: Length of a piece.

    Raises:
        RecordError: It does not.
    """
    if samples < length:
        raise RecordError(
            f"Noise record {record!r} has {samples} samples at 360 Hz for a split, "
            f"fewer than a piece of {length}. Use a longer noise recording, or a shorter "
            "mix.window or mix.test.segment_s."
        )


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
        """Return a piece of a recording, from a random lead and position.

        Raises:
            RecordError: The part is shorter than the piece, or holds no usable one.
        """
        recording = self.recordings[record]
        first, end = self.ranges[record]
        check_length(record, end - first, length)
        for _ in range(ATTEMPTS):
            lead = int(rng.integers(recording.signal.shape[1]))
            start = int(rng.integers(first, end - length + 1))
            if recording.is_usable(lead, start, length):
                piece = recording.signal[start : start + length, lead]
                return Noise(piece, (Origin(record, lead, start),))
        raise RecordError(
            f"Noise record {record!r}: no usable piece of {length} samples was found between "
            f"samples {first} and {end}. It is flat, clipped or missing there."
        )
