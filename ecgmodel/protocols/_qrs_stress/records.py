"""Records, levels and noisy segments of the protocol `qrs-stress`."""

from __future__ import annotations

PEOPLE = ("118", "119")
"""Records of mitdb to which the noise was added; both people are test subjects everywhere."""

LEVELS: dict[int, str] = {24: "24", 18: "18", 12: "12", 6: "06", 0: "00", -6: "_6"}
"""By nominal SNR, dB, how a record's name ends."""

LEAD = "MLII"
FS = 360.0
FIRST_NOISY_MIN, EVERY_MIN, NOISY_MIN = 5, 4, 2
"""The first five minutes are clean, then two noisy ones and two clean ones alternate."""

HELD_OUT_FROM_MIN = 17
"""The noise is `em` at the same position in time; from here on it lies in the half that never
trains (`dataset.splits.noise_ranges`: 325,000 samples, 15.05 min)."""

BEATS = 994
"""Reference beats in the held-out noisy segments of both people."""


def record_name(person: str, level: int) -> str:
    """Return a record's name, e.g. "118e06"."""
    return f"{person}e{LEVELS[level]}"


def person_and_level(record: str) -> tuple[str, int]:
    """Return whose record it is, and its nominal SNR in dB."""
    person, _, end = record.partition("e")
    return person, next(level for level, text in LEVELS.items() if text == end)


def noisy_segments(samples: int) -> list[tuple[int, int, int]]:
    """Return the noisy segments: start in minutes, first sample, the one after the last.

    Args:
        samples: Length of the record; the last segment ends with it.
    """
    minute = round(60 * FS)
    starts = range(FIRST_NOISY_MIN, 1 + samples // minute, EVERY_MIN)
    segments = [(m, m * minute, min((m + NOISY_MIN) * minute, samples)) for m in starts]
    return [segment for segment in segments if segment[1] < segment[2]]
