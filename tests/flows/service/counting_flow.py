"""A flow of seconds that writes down each time that it begins and that it ends."""

from __future__ import annotations

import time
from pathlib import Path

from prefect import flow


@flow(name="counting")
def counting(file: Path, seconds: float = 8.0) -> None:
    """Add "begun" to a file, wait, and add "ended"."""
    _add(file, "begun")
    time.sleep(seconds)
    _add(file, "ended")


def _add(file: Path, word: str) -> None:
    with file.open("a") as lines:
        lines.write(f"{word}\n")
