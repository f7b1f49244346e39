"""Connections to the service: none stays that asks nothing, and there are only so many."""

from __future__ import annotations

import asyncio
import resource
import socket
from typing import Any, cast

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST, OTHER_FILES = 2048, 128
"""Connections at a time, as far as the process may open so many files and `OTHER_FILES` more."""
AT_ONCE, WAITING = 16, 2048
"""Connections that are accepted at once, and that wait for that. asyncio accepts up to four times
as many before the first is seen here."""
RETRY_AFTER_S = 5
FULL = (
    "HTTP/1.1 503 Service Unavailable\r\n"
    f"Retry-After: {RETRY_AFTER_S}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
).encode()
HEAD_S = 10
SEND_S = 300.0
LINGER_S = 10.0


def allow_files() -> None:
    """Let this process open as many files as it may, up to what `MOST` connections need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST + OTHER_FILES
    most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def room() -> int:
    """Return how many connections there may be at a time."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if files == resource.RLIM_INFINITY else max(1, min(MOST, files - OTHER_FILES))


class WebServer(uvicorn.Server):
    """Accepts few connections at once, but lets more wait; uvicorn has one number for both."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        for listening in sockets or ():
            listening.listen(WAITING)


class _Answered:
    """A transport that is closed by the way of its connection.

    Args:
        transport: The transport.
        connection: Its connection.
    """

    def __init__(self, transport: asyncio.Transport, connection: Connection) -> None:
        self._transport, self._connection = transport, connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def close(self) -> None:
        """Close it, once the client has had time to read its answer."""
        self._connection.close_after(self._transport)


class Connection(H11Protocol):
    """One connection, as uvicorn's, but with limits.

    The whole head of a request has to be here within `HEAD_S` after the connection was opened or
    the answer before it was given. Who reads nothing of an answer for `SEND_S` gets no more of it.
    Of more than `room()` connections, the one that has asked nothing for the longest is told to
    come again, and closed.
    """

    _head: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None
    _deaf = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head, and make room."""
        super().connection_made(cast("asyncio.Transport", _Answered(transport, self)))
        self._await_head()
        if len(self.connections) > room():
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the times."""
        self._forget_head()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take further bytes; with a whole head the request is in work."""
        if self._deaf:
            return
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._forget_head()

    def on_response_complete(self) -> None:
        """Wait for the next head, unless it is here already."""
        self._await_head()
        super().on_response_complete()
        if not self.cycle.response_complete:
            self._forget_head()

    def pause_writing(self) -> None:
        """Give the client its time to read."""
        super().pause_writing()
        self._stall = self.loop.call_later(SEND_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        if self._stall is not None:
            self._stall.cancel()

    def close_after(self, transport: asyncio.Transport) -> None:
        """Close a connection whose answer is given.

        While the client still sends, closing would let it lose the answer: its bytes would be
        answered by a reset. So it is read on for a while, unheard.
        """
        if self.conn.their_state is not h11.SEND_BODY or transport.is_closing():
            transport.close()
            return
        self._deaf = True
        self.flow.resume_reading()
        transport.write_eof()
        self.loop.call_later(LINGER_S, transport.close)

    def _make_room(self) -> None:
        waits = {
            c: c._head.when() for c in self.connections if isinstance(c, Connection) and c._head
        }
        longest = min(waits, key=lambda c: waits[c])
        self.connections.discard(longest)  # it is lost only later: no other is to choose it too
        longest.transport.write(FULL)
        longest.transport.close()

    def _await_head(self) -> None:
        self._forget_head()
        self._head = self.loop.call_later(HEAD_S, self._end)

    def _forget_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
        self._head = None

    def _end(self) -> None:
        self._head = None
        self.timeout_keep_alive_handler()
        if self.transport.get_write_buffer_size():  # the end of the last answer
            self._head = self.loop.call_later(SEND_S, self.transport.abort)
