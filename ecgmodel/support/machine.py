"""CPU cores and peak memory of this process."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def core_count() -> int:
    """Return the number of CPU cores that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def cores() -> str:
    """Return the number of cores as text, e.g. "2 CPU cores"."""
    count = core_count()
    return f"{count} CPU core{'s' if count > 1 else ''}"


def peak_mb() -> float:
    """Return the peak memory of this process, MB.

    On Linux from /proc: `getrusage` would include the memory of the process that started it.
    """
    if _STATUS.is_file():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)  # bytes on macOS, else kilobytes
