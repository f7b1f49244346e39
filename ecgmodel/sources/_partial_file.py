"""A partially downloaded file: its bytes so far, and the information to resume it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from ecgmodel.errors import SourceError, TransientSourceError
from ecgmodel.store import write_text
from ecgmodel.support.disk import disk


@dataclass(frozen=True)
class Received:
    """The byte range that a download wrote.

    Attributes:
        first: First byte, in the source's file.
        last: Last byte, in the source's file.
        total: Size of the source's file, bytes.
    """

    first: int
    last: int
    total: int

    @property
    def whole(self) -> bool:
        """Whether the range is the whole file."""
        return self.first == 0 and self.last == self.total - 1


@dataclass(frozen=True)
class _Note:
    """The byte range that a part will contain, and the version of the file that it belongs to."""

    asked: tuple[int, int | None]
    first: int
    last: int | None
    total: int | None
    validator: str | None

    @property
    def need(self) -> int | None:
        """The part's final size, bytes; None while the file's size is unknown."""
        if self.total is None:
            return None
        end = self.total - 1
        return (end if self.last is None else min(self.last, end)) - self.first + 1


class Part:
    """`<name>.part`, renamed to `<name>` when complete, and its description `<name>.part.json`.

    The description records the byte range and the version of the file, so that bytes of two
    versions are never combined.

    Args:
        into: The final file.
        first: First byte to download.
        last: Last byte to download, None for the file's end.
        origin: The file's address, for errors.
        resume: Continue an existing part.
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
        """Whether only a part of the file is requested."""
        return self._asked != (0, None)

    @property
    def have(self) -> int:
        """Number of bytes received so far."""
        return self.path.stat().st_size if self._note and self.path.exists() else 0

    @property
    def complete(self) -> bool:
        """Whether all bytes are there (the process may have been killed before the rename)."""
        return self._note is not None and self.have == self._note.need

    def request_headers(self) -> dict[str, str]:
        """Return the HTTP headers that request the missing bytes."""
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
        """Record the byte range that follows; bytes received before are dropped, unless `keep`.

        Raises:
            SourceError: The file ends before `first`.
        """
        if total is not None and first >= max(total, 1):
            raise SourceError(
                f"{self.origin} has {total} bytes. Expected more than {first}. Leave the record "
                "out."
            )
        self._note = _Note(self._asked, first, last, total, validator)
        with disk(self.path):
            if not keep:
                self.path.write_bytes(b"")
            write_text(self._note_path, json.dumps(asdict(self._note)))

    def begin_range(self, start: int, total: int, validator: str | None) -> None:
        """Record that bytes from `start` of a file of `total` bytes follow.

        Raises:
            TransientSourceError: The file has changed since the part was started.
            SourceError: The server sent another range than requested.
        """
        first, last = self._asked
        have = self.have
        known = self._note.total if self._note and have else None
        if known not in (None, total):
            self.discard()
            raise TransientSourceError(
                f"{self.origin} changed from {known} to {total} bytes during the download. Try "
                "again later."
            )
        if start != first + have:
            self.discard()
            raise SourceError(
                f"{self.origin} was sent from byte {start}. Expected {first + have}. Set "
                "source.whole_files=true, or use another mirror."
            )
        self.begin(first, last, total, validator, keep=have > 0)

    def refuse_range(self, content_range: str) -> None:
        """Raise the error for a requested range that does not exist (HTTP 416).

        Raises:
            TransientSourceError: The file changed; the next attempt starts from its first byte.
            SourceError: The file ends before the first requested byte.
        """
        found = re.search(r"/(\d+)$", content_range)
        size = f"{found.group(1)} bytes" if found else "fewer bytes"
        if self.have:
            self.discard()
            raise TransientSourceError(
                f"{self.origin} changed during the download; it now has {size}. Try again later."
            )
        raise SourceError(
            f"{self.origin} has {size}. Expected more than {self._asked[0]}. Leave the record out."
        )

    def append(self, chunks: Iterable[bytes]) -> None:
        """Append bytes."""
        with disk(self.path), self.path.open("ab") as file:
            for chunk in chunks:
                file.write(chunk)

    def finish(self) -> Received:
        """Rename the complete part to its final name.

        Raises:
            TransientSourceError: The part has another size than announced; a short one is kept.
        """
        have, note = self.have, self._note
        if note is None or note.need not in (None, have):
            need = note.need if note else None
            if need is not None and have > need:
                self.discard()
            raise TransientSourceError(
                f"{self.origin} was truncated: {have} bytes received, {need} expected. Try again "
                "later."
            )
        with disk(self.path):
            with self.path.open("rb+") as file:
                os.fsync(file.fileno())
            self.path.replace(self.into)
            self._note_path.unlink(missing_ok=True)
        end = note.first + have
        return Received(note.first, end - 1, end if note.total is None else note.total)

    def discard(self) -> None:
        """Delete the part and its description."""
        self._note = None
        self.path.unlink(missing_ok=True)
        self._note_path.unlink(missing_ok=True)

    def _read_note(self) -> _Note | None:
        """Return the part's description, None if it is missing or describes another range."""
        try:
            note = _Note(**json.loads(self._note_path.read_text()))
            have = self.path.stat().st_size
            usable = tuple(note.asked) == self._asked and note.first == self._asked[0]
            return note if usable and (note.need is None or have <= note.need) else None
        except (OSError, ValueError, TypeError):
            return None
