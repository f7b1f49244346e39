"""Numbers as callers hold them: Python's, NumPy's, and arrays without a dimension."""

from __future__ import annotations

from typing import Any

import numpy as np


def as_number(value: Any) -> float | None:
    """Return a real number, None if the value is none.

    `np.load` returns the numbers of an .npz as arrays without a dimension.

    Example:
        >>> as_number(np.array(250)), as_number("250"), as_number([250.0])
        (250.0, None, None)
    """
    if isinstance(value, bool | str | bytes):
        return None
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        return None
    return float(array) if array.ndim == 0 and array.dtype.kind in "iuf" else None
