"""What the page gets: every lead before and after, in binary, and the file to save.

`ECGV`, the length of the JSON that follows (uint32, little-endian), the JSON, filled up with spaces
to a multiple of 8; then for each lead its samples before and after (float32, mV, NaN where one is
missing), each filled up to a multiple of 8; then the file.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = b"ECGV"
MEDIA = "application/x-ecg-view"


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
    text = json.dumps(facts, allow_nan=False).encode()
    text += b" " * (-(len(text) + 8) % 8)
    with path.open("wb") as out:
        out.write(MAGIC + struct.pack("<I", len(text)) + text)
        for pair in signals:
            for signal in pair:
                out.write(np.ascontiguousarray(signal, "<f4").data)
                out.write(b"\0" * (-4 * len(signal) % 8))
        with file.open("rb") as source:
            shutil.copyfileobj(source, out)
