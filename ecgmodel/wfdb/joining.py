"""The signals of a multi-segment WFDB record, from those of its segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ecgmodel.errors import RecordError
from ecgmodel.wfdb.channels import Channel

Parts = Sequence[tuple[str, Sequence[Channel]]]
"""Name and signals of each segment."""


@dataclass(frozen=True)
class Common:
    """A signal of a record whose segments may store it with different gains and baselines.

    Attributes:
        channel: The signal, in the ADC units to which all segments are converted.
    """

    channel: Channel

    def converted(self, digital: np.ndarray, own: Channel) -> np.ndarray:
        """Return samples of a segment, whose signal is `own`, in the record's ADC units."""
        ratio = _ratio(self.channel, own)
        if ratio == 1 and own.baseline == self.channel.baseline:
            return digital
        moved: np.ndarray = (digital - own.baseline) * ratio + self.channel.baseline
        return moved


def listed(
    name: str, parts: Parts, layout: Sequence[Channel] | None, count: int
) -> Sequence[Channel]:
    """Return the signals of a record: those of its layout header, else of all segments by name.

    Raises:
        RecordError: Segments with unnamed signals differ in their number.
    """
    if layout is not None:
        return layout
    if _are_named(parts):
        found: dict[str, Channel] = {}
        for _, channels in parts:
            for channel in channels:
                found.setdefault(channel.name, channel)
        return list(found.values())
    for segment, channels in parts:
        if len(channels) != count:
            raise RecordError(
                f"{name}: expected {count} signals in segment {segment}. Received: "
                f"{len(channels)}. Download the record again."
            )
    return parts[0][1]


def places_of(found: Sequence[Channel], parts: Parts, by_name: bool) -> list[list[int | None]]:
    """Return the index of each signal in each segment, None if the segment has none of its name.

    Without unique names, signals are told by their order.
    """
    if not by_name and not _are_named(parts):
        return [[i for _ in parts] for i in range(len(found))]
    each = [[channel.name for channel in channels] for _, channels in parts]
    return [[n.index(c.name) if c.name in n else None for n in each] for c in found]


def common(name: str, channel: Channel, parts: Parts, places: Sequence[int | None]) -> Common:
    """Return a signal of a record as its segments describe it, with the finest of their ADC units.

    Args:
        name: The record's name in errors.
        channel: The signal as listed, used if no segment contains it.
        parts: The segments.
        places: The signal's index in each segment, None where the segment does not contain it.

    Raises:
        RecordError: Segments differ in samples per frame, in units that are not voltages, or only
            some have a gain.
    """
    pieces = [
        (segment, channels[place])
        for (segment, channels), place in zip(parts, places, strict=True)
        if place is not None
    ]
    if not pieces:
        return Common(channel)
    first, known = pieces[0]
    for segment, other in pieces:
        for field, one, two in (
            ("per_frame", known.per_frame, other.per_frame),
            ("unit", _kind(known), _kind(other)),
            ("gain", known.gain is None, other.gain is None),
        ):
            if one != two:
                raise RecordError(
                    f"{name}, lead {known.name}: {field} differs between the segments {first} "
                    f"({getattr(known, field)}) and {segment} ({getattr(other, field)}). Save "
                    "them as separate records."
                )
    finest = max((piece for _, piece in pieces), key=_per_unit)
    if _per_unit(finest) == _per_unit(known):
        finest = known
    same = all(
        (c.gain, c.baseline, c.unit, c.bits, c.zero)
        == (finest.gain, finest.baseline, finest.unit, finest.bits, finest.zero)
        for _, c in pieces
    )
    return Common(finest if same else replace(finest, bits=0, zero=None))


def _are_named(parts: Parts) -> bool:
    """Return whether the signals of each segment have unique names."""
    for _, channels in parts:
        names = [channel.name for channel in channels]
        if not all(names) or len(set(names)) < len(names):
            return False
    return True


def _kind(channel: Channel) -> str:
    return "V" if channel.mv_per_unit else channel.unit


def _per_unit(channel: Channel) -> float:
    """Return the ADC units per mV, or per unit of another quantity."""
    return abs(channel.gain or 1.0) / (channel.mv_per_unit or 1.0)


def _ratio(target: Channel, own: Channel) -> float:
    """Return ADC units of `target` per ADC unit of `own`."""
    if (target.gain, target.unit) == (own.gain, own.unit) or not own.gain:
        return 1.0
    scale = (own.mv_per_unit or 1.0) / (target.mv_per_unit or 1.0)
    return scale * (target.gain or 1.0) / own.gain
