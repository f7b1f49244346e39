"""Stop requests for worker threads: Ctrl-C and signals reach the main thread only."""

from __future__ import annotations

import threading

_asked = threading.Event()


class Stopped(BaseException):
    """The process was asked to stop; like KeyboardInterrupt, not an `Exception`."""


def ask_to_stop() -> None:
    """Request a stop: work in every thread of this process ends at its next `check`."""
    _asked.set()


def check() -> None:
    """Raise an error if a stop was requested.

    Raises:
        Stopped: The process was asked to stop.
    """
    if _asked.is_set():
        raise Stopped
