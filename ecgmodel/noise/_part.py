"""The parts of the noise recordings that belong to one split, and pieces cut from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ecgmodel.errors import RecordError

ATTEMPTS = 64


class Origin(NamedTuple):
    """Origin of a piece of noise: record, lead number and first sample at 360 Hz."""

    record: str
    lead: int
    start: int


class Noise(NamedTuple):
    """A piece of noise `(samples,)` and the origins of the recorded pieces in it.

    Offset and scale are arbitrary: mixing removes the mean and sets the SNR.
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
        """Return whether all `length` samples of a lead from `start` are usable."""
        before = self._unusable_before
        return bool(before[start, lead] == before[start + length, lead])


def check_length(record: str, samples: int, length: int) -> None:
    """Check that a split's part of a noise recording is long enough for one piece.

    Args:
        record: The noise recording.
        samples: Length of the part at 360 Hz.
        length: Length of a piece.

    Raises:
        RecordError: The part is shorter than a piece.
    """
    if samples < length:
        raise RecordError(
            f"Noise record {record!r} is too short: a split gets {samples} samples at 360 Hz, a "
            f"row needs {length}. Use a longer noise recording, or a shorter mix.window or "
            "mix.test.segment_s."
        )


@dataclass(frozen=True)
class NoisePart:
    """The segment of each noise recording that belongs to one split.

    Attributes:
        recordings: By record name.
        ranges: First sample and the one after the last, by record name.
    """

    recordings: Mapping[str, NoiseRecording]
    ranges: Mapping[str, tuple[int, int]]

    def cut(self, record: str, length: int, rng: np.random.Generator) -> Noise:
        """Return a piece of a recording, from a random lead and position.

        Raises:
            RecordError: The part is too short, or no usable piece was found in it.
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
            f"Noise record {record!r}: no {length} consecutive usable samples were found between "
            f"samples {first} and {end}, which are mostly flat, clipped or missing. Use another "
            "noise recording."
        )
