"""Reading of arrays from `.npy` files, also by many threads at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

TRIES = 5


def read_array(path: Path, mmap_mode: Literal["r"] | None = None) -> NDArray[Any]:
    """Return the array of a `.npy` file.

    Args:
        path: The file.
        mmap_mode: "r" maps the file instead of reading it.
    """
    # NumPy parses a header as Python, and CPython up to 3.11.7 miscounts its depth when threads
    # parse at once (python/cpython#106905): nothing is wrong with the file, another try reads it.
    for _ in range(TRIES - 1):
        try:
            return np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
        except SystemError:
            continue
    return np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
