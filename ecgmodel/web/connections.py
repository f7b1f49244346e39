"""Connections to the service: none stays that asks nothing, and there are only so many."""

from __future__ import annotations

import asyncio
import socket

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 128
AT_ONCE, WAITING = 16, 512
"""Connections that are accepted at once, and that wait for that. asyncio accepts up to four times
as many before the first is seen here; with `MOST` that is below 256 open files."""
HEAD_S = 10
SEND_S = 300.0


class WebServer(uvicorn.Server):
    """Accepts few connections at once, but lets more wait; uvicorn has one number for both."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        for listening in sockets or ():
            listening.listen(WAITING)


class Connection(H11Protocol):
    """One connection, as uvicorn's, but with limits.

    The whole head of a request has to be here within `HEAD_S` after the connection was opened or
    the answer before it was given. Who reads nothing of an answer for `SEND_S` gets no more of it.
    Of more than `MOST` connections, the one that has asked nothing for the longest is closed.
    """

    _head: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head, and make room."""
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > MOST:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the times."""
        self._forget_head()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take further bytes; with a whole head the request is in work."""
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

    def _make_room(self) -> None:
        waits = {
            c: c._head.when() for c in self.connections if isinstance(c, Connection) and c._head
        }
        longest = min(waits, key=lambda c: waits[c])
        self.connections.discard(longest)  # it is lost only later: no other is to choose it too
        longest.transport.abort()

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
