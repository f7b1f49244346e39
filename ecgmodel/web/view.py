"""What the page gets: every lead before and after, in binary, and the file to save.

`ECGV`, the length of the JSON that follows (uint32, little-endian), the JSON, filled up with spaces
to a multiple of 8; then for each lead its samples before and after (float32, mV, NaN where one is
missing), each filled up to a multiple of 8; then the file. Of a long recording, the JSON has
`pieces`, and each lead what is seen of it from afar (`pieces.py`); the file stays here.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ecgmodel.denoise.trust import Window
from ecgmodel.evaluation.heart_rate import heart_rate
from ecgmodel.files import Annotation, Recording
from ecgmodel.signals.leads import twelve_leads
from ecgmodel.support.samples import Lead, Samples
from ecgmodel.web.pieces import STEPS, TILE, TOP

MAGIC = b"ECGV"
MEDIA = "application/x-ecg-view"


def facts_of(
    ecg: Recording, cleaned: Samples, windows: Sequence[Window], label: str
) -> dict[str, Any]:
    """Return what is known of a recording before and after.

    Args:
        ecg: What went in.
        cleaned: What came out.
        windows: The assessment of each section of 10 s.
        label: How the network is named.
    """
    rates = [
        {
            "before": heart_rate(Lead(ecg.signal, i), ecg.fs),
            "after": heart_rate(Lead(cleaned, i), ecg.fs),
        }
        for i in range(len(ecg.leads))
    ]
    return {
        "fs": ecg.fs,
        "recorded_fs": ecg.fs,  # stays where the page gets the samples thinned
        "leads": list(ecg.leads),
        "windows": [window.to_dict() for window in windows],
        "heart_rate": rates,
        "model": label,
    }


def page_facts(ecg: Recording) -> dict[str, Any]:
    """Return what the page draws besides signals: where the twelve leads are, and annotations."""
    return {"standard": twelve_leads(ecg.leads), "annotations": _packed(ecg.annotations)}


def _packed(annotations: Sequence[Annotation]) -> dict[str, Any]:
    """Return annotations in order of time, each text once: a day has a hundred thousand beats."""
    ordered = sorted(annotations, key=lambda one: one.at_s)
    texts = list(dict.fromkeys(one.text for one in ordered))
    numbers = {text: number for number, text in enumerate(texts)}
    lasting = [one.duration_s for one in ordered]
    return {
        "at": [round(one.at_s, 4) for one in ordered],
        "which": [numbers[one.text] for one in ordered],
        "texts": texts,
        "lasts": lasting if any(lasting) else None,
    }


def pack(out: BinaryIO, facts: dict[str, Any], signals: Sequence[tuple[NDArray[Any], ...]]) -> None:
    """Write all but the file.

    Args:
        out: Where to.
        facts: For the JSON.
        signals: Of each lead, before and after, mV; or the rows of what is seen from afar.
    """
    text = json.dumps(facts, allow_nan=False).encode()
    text += b" " * (-(len(text) + 8) % 8)
    out.write(MAGIC + struct.pack("<I", len(text)) + text)
    for own in signals:
        for signal in own:
            out.write(np.ascontiguousarray(signal, "<f4").data)
            out.write(b"\0" * (-4 * len(signal) % 8))


def write_overview(path: Path, facts: dict[str, Any], tops: Sequence[NDArray[np.float32]]) -> None:
    """Write the facts and, of each lead, what is seen of it from afar; see `pieces`.

    Args:
        path: Where to.
        facts: For the JSON.
        tops: For each lead `(6, values)`.
    """
    places = {"tile": TILE, "steps": STEPS, "top": TOP}
    known = facts | {"pieces": facts["pieces"] | places | {"values": tops[0].shape[1]}}
    with path.open("wb") as out:
        pack(out, known, [tuple(top) for top in tops])


def write_view(
    path: Path,
    facts: dict[str, Any],
    signals: Sequence[tuple[NDArray[Any], NDArray[Any]]],
    file: Path,
) -> None:
    """Write it.

    Args:
        path: Where to.
        facts: For the JSON.
        signals: Of each lead, before and after, mV.
        file: What the page offers to save.
    """
    with path.open("wb") as out:
        pack(out, facts, signals)
        with file.open("rb") as source:
            shutil.copyfileobj(source, out)
