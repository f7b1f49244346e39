"""A file that is being received: its bytes so far, and what it takes to go on after a break."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from ecgmodel.errors import PassingSourceError, SourceError
from ecgmodel.store import write_text
from ecgmodel.support.disk import disk


@dataclass(frozen=True)
class Received:
    """What a download wrote.

    Attributes:
        first: First byte of the source's file that was written.
        last: Last byte of it that was written.
        total: The size of the source's file.
    """

    first: int
    last: int
    total: int

    @property
    def whole(self) -> bool:
        """Whether it is the whole file."""
        return self.first == 0 and self.last == self.total - 1


@dataclass(frozen=True)
class _Note:
    """Which bytes a part holds or will hold: of which range, and of which version of the file."""

    asked: tuple[int, int | None]
    first: int
    last: int | None
    total: int | None
    validator: str | None

    @property
    def need(self) -> int | None:
        """How many bytes it will be, None while the file's size is not known."""
        if self.total is None:
            return None
        end = self.total - 1
        return (end if self.last is None else min(self.last, end)) - self.first + 1


class Part:
    """`<name>.part`, which becomes `<name>` when complete, and `<name>.part.json` beside it.

    The second says which bytes of which version of the file the first holds, so that bytes of
    two versions are never joined.

    Args:
        into: The file that the part becomes.
        first: First byte wanted.
        last: Last byte wanted, None for the file's end.
        origin: The file's address, for errors.
        resume: Go on with what is there.
    """

    def __init__(
        self, into: Path, first: int, last: int | None, origin: str, resume: bool = True
    ) -> None:
        self.into, self.origin = into, origin
        self.path = into.with_name(into.name + ".part")
        self._note_path = into.with_name(into.name + ".part.json")
        self._asked = (first, last)
        self._note = self._read_note() if resume else None
        if self._note is None:
            self.discard()

    @property
    def ranged(self) -> bool:
        """Whether less than the whole file is wanted."""
        return self._asked != (0, None)

    @property
    def have(self) -> int:
        """How many bytes there are."""
        return self.path.stat().st_size if self._note and self.path.exists() else 0

    @property
    def complete(self) -> bool:
        """Whether nothing is missing (a kill may have struck just before the renaming)."""
        return self._note is not None and self.have == self._note.need

    def request_headers(self) -> dict[str, str]:
        """Return the HTTP headers that ask for what is missing."""
        first, last = self._asked
        have = self.have
        if not self.ranged and not have:
            return {}
        headers = {"Range": f"bytes={first + have}-{'' if last is None else last}"}
        if have and self._note and self._note.validator:
            headers["If-Range"] = self._note.validator
        return headers

    def begin(
        self,
        first: int,
        last: int | None,
        total: int | None,
        validator: str | None = None,
        keep: bool = False,
    ) -> None:
        """Note which bytes come now; those that are there are dropped, unless `keep`.

        Raises:
            SourceError: The file ends before the first of them.
        """
        if total is not None and first >= max(total, 1):
            raise SourceError(f"{self.origin} holds {total} bytes, expected more than {first}.")
        self._note = _Note(self._asked, first, last, total, validator)
        with disk(self.path):
            if not keep:
                self.path.write_bytes(b"")
            write_text(self._note_path, json.dumps(asdict(self._note)))

    def begin_range(self, start: int, total: int, validator: str | None) -> None:
        """Note that a range of a file of `total` bytes comes now, from byte `start` on.

        Raises:
            PassingSourceError: The file has changed since the part was begun.
            SourceError: It is not the range that was asked for.
        """
        first, last = self._asked
        have = self.have
        known = self._note.total if self._note and have else None
        if known not in (None, total):
            self.discard()
            raise PassingSourceError(f"{self.origin} changed from {known} to {total} bytes.")
        if start != first + have:
            self.discard()
            raise SourceError(f"{self.origin} came from byte {start}, expected {first + have}.")
        self.begin(first, last, total, validator, keep=have > 0)

    def refuse_range(self, content_range: str) -> None:
        """Raise what it means that the range that was asked for does not exist (HTTP 416).

        Raises:
            PassingSourceError: The part no longer fits the file; a new try starts clean.
            SourceError: The file ends before the first wanted byte.
        """
        found = re.search(r"/(\d+)$", content_range)
        size = f"{found.group(1)} bytes" if found else "fewer bytes"
        if self.have:
            self.discard()
            raise PassingSourceError(f"{self.origin} changed; it now holds {size}.")
        raise SourceError(f"{self.origin} holds {size}, expected more than {self._asked[0]}.")

    def append(self, chunks: Iterable[bytes]) -> None:
        """Add bytes."""
        with disk(self.path), self.path.open("ab") as file:
            for chunk in chunks:
                file.write(chunk)

    def finish(self) -> Received:
        """Rename the part.

        Raises:
            PassingSourceError: It is not as long as announced; what came too short is kept.
        """
        have, note = self.have, self._note
        if note is None or note.need not in (None, have):
            need = note.need if note else None
            if need is not None and have > need:
                self.discard()
            raise PassingSourceError(
                f"{self.origin} gave {have} bytes, expected {need}: cut off. Try again later."
            )
        with disk(self.path):
            with self.path.open("rb+") as file:
                os.fsync(file.fileno())
            self.path.replace(self.into)
            self._note_path.unlink(missing_ok=True)
        end = note.first + have
        return Received(note.first, end - 1, end if note.total is None else note.total)

    def discard(self) -> None:
        """Remove what is there."""
        self._note = None
        self.path.unlink(missing_ok=True)
        self._note_path.unlink(missing_ok=True)

    def _read_note(self) -> _Note | None:
        """Return what the part holds, None if that is not known or not what is wanted."""
        try:
            note = _Note(**json.loads(self._note_path.read_text()))
            have = self.path.stat().st_size
            usable = tuple(note.asked) == self._asked and note.first == self._asked[0]
            return note if usable and (note.need is None or have <= note.need) else None
        except (OSError, ValueError, TypeError):
            return None
