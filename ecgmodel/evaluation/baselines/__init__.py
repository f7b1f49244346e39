"""Classical methods for comparison, one per file. To add a baseline, add a file.

Each file defines `LABEL`, the display name, and `clean(signal, fs)`, which takes `(n, samples)` in
mV and returns the same shape.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

from numpy.typing import NDArray

from ecgmodel.support import plugins

PACKAGE = "evaluation/baselines"

Clean = Callable[[NDArray[Any]], NDArray[Any]]


def names() -> tuple[str, ...]:
    """Return the names of all baselines, without importing any."""
    return plugins.names(PACKAGE)


def load(name: str, fs: float = 360.0) -> Clean:
    """Return a baseline as a function from `(n, samples)` to `(n, samples)`, mV.

    Args:
        name: A name from `names()`.
        fs: Sampling rate of the signals, Hz.

    Raises:
        UnknownNameError: The baseline does not exist; the message gives the nearest names.
    """
    return partial(_module(name).clean, fs=fs)


def label(name: str) -> str:
    """Return the display name of a baseline.

    Raises:
        UnknownNameError: The baseline does not exist; the message gives the nearest names.
    """
    return str(_module(name).LABEL)


def _module(name: str) -> Any:
    return importlib.import_module(f"{__name__}.{plugins.check(PACKAGE, name, 'baseline')}")
