"""No filter: the unchanged signal, as the reference of all methods."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

LABEL = "no filter"


def clean(signal: NDArray[Any], fs: float = 360.0) -> NDArray[Any]:
    """Return the signal `(n, samples)` unchanged."""
    return signal
