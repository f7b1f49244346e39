"""A small real web server on loopback: a PhysioNet-like tree with byte ranges, failing as told."""

from __future__ import annotations

import fnmatch
import hashlib
import re
import threading
from collections import Counter
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

_CHUNK = 16384


@dataclass
class Fault:
    """How requests for some paths go wrong.

    Attributes:
        pattern: The paths, e.g. "*.dat" or "/mitdb/1.0.0/100.hea" (`fnmatch`).
        times: For how many requests it holds; None for all.
        status: Answer with this status and no file.
        delay_s: Wait so long before answering, s.
        stall_s: Wait so long in the middle of the body, s.
        hold: Send no more after so many bytes of the body, until the server closes.
        truncate: Close the connection after so many bytes of the body.
        corrupt: Flip the bits of the body's first byte.
        ignore_range: Send the whole file with 200, whatever range was asked for.
        total: What Content-Range gives as the file's size.
        reset: Close the connection without an answer.
        headers: Headers to add or replace.
    """

    pattern: str
    times: int | None = None
    status: int | None = None
    delay_s: float = 0.0
    stall_s: float = 0.0
    hold: int | None = None
    truncate: int | None = None
    corrupt: bool = False
    ignore_range: bool = False
    total: int | str | None = None
    reset: bool = False
    headers: dict[str, str] | None = None


class MirrorServer:
    """Serves a folder over HTTP on a free port of 127.0.0.1, from construction to `close()`.

    `<root>/mitdb/1.0.0/100.dat` is at `/mitdb/1.0.0/100.dat` and at `/files/mitdb/1.0.0/100.dat`.
    Paths in counts and faults are without "/files".

    Attributes:
        url: The address that stands for `root`, e.g. "http://127.0.0.1:40001/files".
        requests: Requests by path.
        ranges: The Range headers received, by path; None for a request without one.
        bytes_sent: Bytes of bodies sent, by path.
        max_simultaneous: The largest number of requests that were being answered at once.
        user_agents: The user agents seen.

    Example:
        >>> with MirrorServer(root) as mirror:
        ...     mirror.fail("*.dat", status=503, times=2)
        ...     PhysioNetSource(mirror.url, listings)
        ...     mirror.requests["/mitdb/1.0.0/100.dat"]
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._running = 0
        self.forget()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.mirror = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/files"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def fail(self, pattern: str, **how: Any) -> Fault:
        """Let requests for some paths go wrong from now on; see `Fault`."""
        fault = Fault(pattern, **how)
        with self._lock:
            self._faults.append(fault)
        return fault

    def heal(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._faults.clear()

    def forget(self) -> None:
        """Start all counts anew."""
        with self._lock:
            self.requests: Counter[str] = Counter()
            self.bytes_sent: Counter[str] = Counter()
            self.ranges: dict[str, list[str | None]] = {}
            self.user_agents: set[str] = set()
            self.max_simultaneous = 0

    def count(self, pattern: str = "*") -> int:
        """Return how many requests there were for paths that match."""
        with self._lock:
            return sum(n for path, n in self.requests.items() if fnmatch.fnmatch(path, pattern))

    def close(self) -> None:
        """Stop serving and free the port; a later request finds nobody."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> MirrorServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def begin(self, path: str, headers: Any) -> Fault:
        """Count a request and return how it is to go wrong (called by the handler)."""
        with self._lock:
            self.requests[path] += 1
            self.ranges.setdefault(path, []).append(headers.get("Range"))
            self.user_agents.add(headers.get("User-Agent", ""))
            self._running += 1
            self.max_simultaneous = max(self.max_simultaneous, self._running)
            for fault in self._faults:
                if fnmatch.fnmatch(path, fault.pattern) and fault.times != 0:
                    fault.times = None if fault.times is None else fault.times - 1
                    return fault
        return Fault("")

    def end(self) -> None:
        """Count a request as answered (called by the handler)."""
        with self._lock:
            self._running -= 1

    def sent(self, path: str, count: int) -> None:
        """Count bytes of a body (called by the handler)."""
        with self._lock:
            self.bytes_sent[path] += count


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Any

    def do_GET(self) -> None:
        mirror: MirrorServer = self.server.mirror
        if mirror.closing.is_set():  # a connection that was kept open outlives the server
            self.close_connection = True
            return
        path = unquote(urlsplit(self.path).path).removeprefix("/files")
        fault = mirror.begin(path, self.headers)
        try:
            self._answer(mirror, path, fault)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            mirror.end()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output quiet."""

    def _answer(self, mirror: MirrorServer, path: str, fault: Fault) -> None:
        mirror.closing.wait(fault.delay_s)
        if fault.reset:
            self.close_connection = True
            return
        file = mirror.root / path.lstrip("/")
        inside = ".." not in path.split("/")
        if fault.status or not (inside and file.is_file()):
            self._refuse(fault.status or 404, fault.headers)
            return
        data = file.read_bytes()
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        first, last, status = self._range(data, tag, fault)
        if status == 416:
            self._refuse(416, {"Content-Range": f"bytes */{len(data)}"})
            return
        body = data[first : last + 1]
        headers = {
            "Content-Length": str(len(body)),
            "Accept-Ranges": "bytes",
            "ETag": tag,
            "Last-Modified": formatdate(file.stat().st_mtime, usegmt=True),
        }
        if status == 206:
            total = len(data) if fault.total is None else fault.total
            headers["Content-Range"] = f"bytes {first}-{last}/{total}"
        self._head(status, headers | (fault.headers or {}))
        self._send(mirror, path, body, fault)

    def _range(self, data: bytes, tag: str, fault: Fault) -> tuple[int, int, int]:
        """Return first byte, last byte and status of the answer."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        changed = self.headers.get("If-Range", tag) != tag
        if not asked or changed or fault.ignore_range:
            return 0, len(data) - 1, 200
        first = int(asked.group(1))
        last = min(int(asked.group(2) or len(data)), len(data) - 1)
        return first, last, 206 if first <= last else 416

    def _send(self, mirror: MirrorServer, path: str, body: bytes, fault: Fault) -> None:
        if fault.corrupt:
            body = bytes([body[0] ^ 0xFF]) + body[1:]
        if fault.truncate is not None:
            body = body[: fault.truncate]
            self.close_connection = True
        for start in range(0, len(body), _CHUNK):
            if fault.hold is not None and start >= fault.hold:
                mirror.closing.wait()
            self.wfile.write(body[start : start + _CHUNK])
            mirror.sent(path, len(body[start : start + _CHUNK]))
            if fault.stall_s:
                self.wfile.flush()
                mirror.closing.wait(fault.stall_s)

    def _refuse(self, status: int, headers: dict[str, str] | None = None) -> None:
        self._head(status, {"Content-Length": "0"} | (headers or {}))

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
