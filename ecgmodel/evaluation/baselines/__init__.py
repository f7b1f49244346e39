"""Classical methods to compare with, one a file; a new file is a new baseline.

Each file has `LABEL`, a few words for tables, and `clean(signal, fs)`: `(n, samples)` in mV to the
same shape.
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
        fs: Sampling rate of what it will clean, Hz.

    Raises:
        UnknownNameError: There is none of that name; the message gives the nearest.
    """
    return partial(_module(name).clean, fs=fs)


def label(name: str) -> str:
    """Return a baseline's description in a few words.

    Raises:
        UnknownNameError: There is none of that name.
    """
    return str(_module(name).LABEL)


def _module(name: str) -> Any:
    return importlib.import_module(f"{__name__}.{plugins.check(PACKAGE, name, 'baseline')}")
