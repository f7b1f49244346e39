"""Elements of DICOM waveforms: groups that are averaged beats, names of leads, annotations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from ecgmodel.files._ecg import Annotation
from ecgmodel.files._lead_codes import LEADS, lead_name

_CODES = {"MDC": re.compile(r"2:(\d{1,3})"), "SCPECG": re.compile(r"5\.6\.3-9-(\d{1,3})")}
# Averaged beats are derived too, and no rhythm.
_MEDIAN = re.compile(r"median|templ|averag|represent|beat", re.IGNORECASE)
_LONGEST_BEAT = 2.0


def averaged_beats(groups: list[Any]) -> list[int]:
    """Return the indices of the groups that are averaged beats.

    A group with another label, or none, is one if it is derived, as short as a beat, and another
    group is longer.
    """
    lengths = [
        float(item.get("NumberOfWaveformSamples", 0)) / float(item.get("SamplingFrequency", 1) or 1)
        for item in groups
    ]
    found = []
    for i, (item, length) in enumerate(zip(groups, lengths, strict=True)):
        label = str(item.get("MultiplexGroupLabel") or "").strip()
        derived = item.get("WaveformOriginality") == "DERIVED"
        short = derived and length <= _LONGEST_BEAT < max(lengths)
        if _MEDIAN.search(label) or (short and "rhythm" not in label.lower()):
            found.append(i)
    return found


def channel_name(definition: Any, number: int) -> tuple[str, bool]:
    """Return a channel's name, and whether it is coded as an ECG lead."""
    sources = definition.get("ChannelSourceSequence") or ()
    for source in sources:
        pattern = _CODES.get(str(source.get("CodingSchemeDesignator", "")))
        found = pattern.fullmatch(str(source.get("CodeValue", ""))) if pattern else None
        if found and int(found[1]) in LEADS:
            return LEADS[int(found[1])], True
    texts = [str(source.get("CodeMeaning", "")) for source in sources]
    for text in (*texts, str(definition.get("ChannelLabel", ""))):
        plain = re.sub(r"^lead\s+", "", text.strip()[:40], flags=re.IGNORECASE)
        if plain:
            return lead_name(plain), False
    return f"channel {number + 1}", False


def timed_annotations(dataset: Any, starts: dict[int, float]) -> Iterator[Annotation]:
    """Yield coded annotations of samples of the leads; free text may name the patient.

    Args:
        dataset: The file.
        starts: Start of each multiplex group with leads, s from the first sample.
    """
    rates = {i: float(g.SamplingFrequency) for i, g in enumerate(dataset.WaveformSequence)}
    for item in dataset.get("WaveformAnnotationSequence") or ():
        names = item.get("ConceptNameCodeSequence") or ()
        text = str(names[0].get("CodeMeaning", ""))[:60] if names else ""
        places, channels = (
            np.atleast_1d(np.asarray(item.get(key) or [], np.int64))
            for key in ("ReferencedSamplePositions", "ReferencedWaveformChannels")
        )
        group = int(channels[0]) - 1 if len(channels) else -1
        if not text or not len(places) or group not in starts:
            continue
        times = (starts[group] + (places - 1) / rates[group]).tolist()
        if item.get("TemporalRangeType") == "SEGMENT" and len(times) == 2:
            yield Annotation(times[0], max(0.0, times[1] - times[0]), text)
        else:
            yield from (Annotation(at, None, text) for at in times)
