"""Long recordings that a page looks at: each is here as long as its page asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ecgmodel.web.refusing import Refused
from ecgmodel.web.settings import Outcome

GONE = (
    "The service no longer holds this recording: its page was closed, or others were opened since. "
    "Open it again."
)


@dataclass
class Held:
    """A recording that is here.

    Attributes:
        folder: All its files.
        outcome: What the worker said of it.
        ends: Ends it, unless it is asked for before.
    """

    folder: Path
    outcome: Outcome
    ends: asyncio.TimerHandle


class Shelf:
    """Holds recordings.

    Args:
        most: How many; one more, and the one that was asked for longest ago goes.
        seconds: How long one stays that is not asked for.
        leave: Removes a folder.
    """

    def __init__(self, most: int, seconds: float, leave: Callable[[Path], None]) -> None:
        self.most, self.seconds, self._leave = most, seconds, leave
        self._held: dict[str, Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    def put(self, name: str, folder: Path, outcome: Outcome) -> None:
        """Hold a recording under a name that nobody can guess."""
        while len(self._held) >= self.most:
            self.drop(next(iter(self._held)))
        self._held[name] = Held(folder, outcome, self._end_of(name))

    def get(self, name: str) -> Held:
        """Return a recording, which then stays for longer.

        Raises:
            Refused: It is not here.
        """
        held = self._held.pop(name, None)
        if held is None:
            raise Refused(404, GONE)
        held.ends.cancel()
        held.ends = self._end_of(name)
        self._held[name] = held
        return held

    def drop(self, name: str) -> None:
        """Remove a recording, if it is here."""
        held = self._held.pop(name, None)
        if held is not None:
            held.ends.cancel()
            self._leave(held.folder)

    def _end_of(self, name: str) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(self.seconds, self.drop, name)
