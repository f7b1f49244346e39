"""Progress bars: lively on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm


def bar(total: int, label: str, unit: str, initial: int = 0, shown: bool = True) -> Any:
    """Return a progress bar on standard error.

    Args:
        total: What 100 % is.
        label: What is being done.
        unit: What is counted.
        initial: How much was done before.
        shown: False returns a bar that shows nothing.
    """
    return tqdm(
        total=total,
        initial=initial,
        desc=label,
        unit=unit,
        disable=not shown,
        mininterval=0.2 if sys.stderr.isatty() else 30.0,
        dynamic_ncols=True,
    )
