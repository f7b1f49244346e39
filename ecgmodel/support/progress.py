"""Progress bars: continuous on a terminal, one line every 30 s in a log."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

FORMAT = "{l_bar}{bar}| {done}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"


class _Bar(tqdm):
    """A bar whose count may be a fraction: it shows whole units, and the share of all."""

    @property
    def format_dict(self) -> Any:
        return {**super().format_dict, "done": int(self.n)}


def bar(total: int, label: str, unit: str, initial: int = 0, shown: bool = True) -> Any:
    """Return a progress bar on standard error.

    Args:
        total: The count at 100 %.
        label: Name of the task.
        unit: Unit of the count.
        initial: Count that is already done.
        shown: False returns a bar without output.
    """
    return _Bar(
        total=total,
        initial=initial,
        desc=label,
        unit=unit,
        disable=not shown,
        mininterval=0.2 if sys.stderr.isatty() else 30.0,
        dynamic_ncols=True,
        bar_format=FORMAT,
    )
