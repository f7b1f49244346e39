"""Annotations of EDF+ and BDF+: events, and the times at which the data records begin."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ecgmodel.files._ecg import Annotation
from ecgmodel.files._edf_layout import Layout
from ecgmodel.files._edf_records import channel_bytes

ENDS = "Recording ends"  # of EDF+'s standard texts
_ONSET = re.compile(rb"([+-]\d{1,12}(?:\.\d{1,24})?)\x14")
_NOTE = re.compile(rb"([+-]\d{1,12}(?:\.\d{0,24})?)(?:\x15(\d{1,12}(?:\.\d{0,24})?))?\x14")


def read_annotations(layout: Layout) -> tuple[NDArray[np.float64], tuple[Annotation, ...]]:
    """Read the channels of annotations.

    Returns:
        The times at which the records begin, s, of those records that state it; and all
        annotations, with times from the first record on.
    """
    onsets, found = array("d"), list[Annotation]()
    for number, channel in enumerate(c for c in layout.channels if layout.is_annotations(c)):
        text = bytearray()
        for record in channel_bytes(layout, channel):
            match = None if number else _ONSET.match(record)
            if match:
                onsets.append(float(match[1]))
            kept = record.rstrip(b"\0")
            text += kept if len(kept) == len(record) else kept + b"\0"
        found += _notes(bytes(text), onsets[0] if onsets else 0.0)
    return np.array(onsets), tuple(sorted(found, key=lambda note: note.at_s))


def _notes(text: bytes, begin: float) -> Iterator[Annotation]:
    """Yield the annotations in a channel's text; `begin` is when the first record begins, s."""
    for note in text.split(b"\0"):
        match = _NOTE.match(note)
        if match:
            at, duration = float(match[1]) - begin, float(match[2]) if match[2] else None
            for words in note[match.end() :].decode("utf-8", "replace").split("\x14"):
                if words:
                    yield Annotation(at, duration, words)
