"""The door: who may ask, from where, and how much, before anything of a body is read."""

from __future__ import annotations

import ipaddress
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

from ecgmodel.web.counters import Metrics
from ecgmodel.web.refusing import Refused

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

GUARDED = ("/denoise", "/view", "/example.zip", "/metrics", "/openapi.json")
"""What a token is asked for; the page itself and /health tell nothing."""

SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """Refuses what may not be asked, and counts everything.

    Args:
        app: What answers the rest.
        names: Host names under which the service may be asked, besides localhost and addresses:
            a page of somebody else that has its name point here (DNS rebinding) has another.
        token: What a client has to know; "" for none.
        most_bytes: Of a body.
        metrics: Counts.
    """

    def __init__(
        self, app: App, *, names: Iterable[str], token: str, most_bytes: int, metrics: Metrics
    ) -> None:
        self.app = app
        self.names = frozenset({"localhost", *(name.lower() for name in names)})
        self.token = token.encode()
        self.most_bytes = most_bytes
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def hand_out(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.update(SECURITY)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._check(scope["method"], scope["path"], Headers(scope=scope))
        except Refused as refused:
            answer = JSONResponse(refused.body, refused.status, refused.headers)
            await answer(scope, receive, hand_out)
        else:
            await self.app(scope, receive, hand_out)
        finally:
            path = getattr(scope.get("route"), "path", "other")
            self.metrics.answered(path, status, time.perf_counter() - started)

    def _check(self, method: str, path: str, headers: Headers) -> None:
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise Refused(
                400,
                f"This service is not called {host[:100]!r}. Ask it by its address, or start it "
                "with --name for each name that it has.",
            )
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            raise Refused(403, "Pages of other servers may not use this service.")
        if self.token and path in GUARDED:
            self._check_token(headers)
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise Refused(400, f"Expected a number as Content-Length. Received: {length[:40]!r}.")
        if int(length[:20]) > self.most_bytes:
            raise Refused(413, too_large(self.most_bytes))

    def _check_token(self, headers: Headers) -> None:
        kind, _, given = headers.get("authorization", "").partition(" ")
        right = secrets.compare_digest(given.strip().encode(), self.token)
        if not (kind.lower() == "bearer" and right):
            raise Refused(
                401,
                "Expected the header `Authorization: Bearer TOKEN` with the token that the command "
                "`ecg-denoise web` was given or printed.",
                headers={"WWW-Authenticate": "Bearer"},
            )

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if name in self.names:
            return True
        try:  # who is asked by number is not asked under a foreign name
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def too_large(most_bytes: int) -> str:
    """Return what is said of a body that is too large."""
    return (
        f"Expected a body of at most {most_bytes / 1e6:g} MB. Cut the recording, or start the "
        "service with a larger --max-mb."
    )
