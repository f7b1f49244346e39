"""Thread-safe reading of `.npy` files."""

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
    # NumPy parses the header as Python source, and CPython up to 3.11.7 can raise SystemError when
    # several threads parse at once (python/cpython#106905). The file is intact; a retry succeeds.
    for _ in range(TRIES - 1):
        try:
            return np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
        except SystemError:
            continue
    return np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
