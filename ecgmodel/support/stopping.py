"""How long work hears that it should stop: Ctrl-C and signals reach the main thread alone."""

from __future__ import annotations

import threading

_asked = threading.Event()


class Stopped(BaseException):
    """The process was asked to stop; like KeyboardInterrupt it is no error."""


def ask_to_stop() -> None:
    """Have work in all threads of this process end at its next step."""
    _asked.set()


def check() -> None:
    """Go on, unless the process was asked to stop.

    Raises:
        Stopped: It was.
    """
    if _asked.is_set():
        raise Stopped
