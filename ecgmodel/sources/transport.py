"""Reading of a mirror's files over HTTP or from a folder, with resumed downloads."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

import httpx

from ecgmodel.errors import (
    MissingFileError,
    RecordError,
    SettingsError,
    SourceError,
    TransientSourceError,
)
from ecgmodel.sources._partial_file import Part, Received
from ecgmodel.sources.base import BY_TLS, COPIED

# Status codes that are retried, besides 5xx: timeout, too early, too many requests.
_TRANSIENT = {408, 425, 429}
_CHUNK = 1 << 20
PUBLISHER = "physionet.org"
COPIES = 4
"""How often bytes are fetched to see the same twice, before it is left to a later attempt."""
ASKED = 3
"""How often the same has to be said before it is final, e.g. that a file is not there."""
PAUSE_S = 0.2
_Answer = TypeVar("_Answer")


class Transport(Protocol):
    """Reads the files of a mirror; thread-safe.

    Attributes:
        where: The mirror's address.
        sure: How what arrives is known to be what was sent (`BY_TLS`, `COPIED`); "" if it is not.
    """

    where: str
    sure: str

    def read(self, path: str) -> bytes:
        """Return a small file's bytes.

        Raises:
            TransientSourceError: The mirror is temporarily unreachable.
            MissingFileError: The mirror does not have the file.
            SourceError: The mirror refuses access.
        """

    def download(
        self,
        path: str,
        into: Path,
        first: int = 0,
        last: int | None = None,
        check: Callable[[int], None] | None = None,
    ) -> Received:
        """Download a file, or a range of its bytes.

        The bytes are written to `<into>.part`, which a later call resumes, and renamed when
        complete.

        Args:
            path: The file, relative to the mirror.
            into: The target file.
            first: First byte to download.
            last: Last byte to download, None for the file's end.
            check: Called with the file's size before a range is read; raises if it is wrong.

        Returns:
            The range that was written: the whole file if the mirror does not support ranges.

        Raises:
            TransientSourceError: The mirror is temporarily unreachable, or the body was truncated.
            MissingFileError: The mirror does not have the file.
            SourceError: The mirror refuses access, or the file ends before `first`.
            DiskFullError: The disk is full.
        """


class HttpTransport:
    """A mirror behind http:// or https://.

    Args:
        base_url: The address to which paths are appended.
        timeout_s: Timeout of a connection and of each read, s.
    """

    def __init__(self, base_url: str, timeout_s: float = 30.0) -> None:
        self.where = base_url.rstrip("/")
        address = urlsplit(base_url)
        published = address.scheme.lower() == "https" and address.hostname == PUBLISHER
        self.sure = BY_TLS if published else ""
        # "identity" forbids compression, which would invalidate sizes and ranges.
        headers = {"User-Agent": _user_agent(), "Accept-Encoding": "identity"}
        self._client = httpx.Client(
            timeout=timeout_s, follow_redirects=True, headers=headers, verify=_certificates()
        )

    def url(self, path: str) -> str:
        """Return the URL of a file."""
        return f"{self.where}/{quote(path)}"

    def read(self, path: str) -> bytes:
        """Return a small file's bytes; see `Transport.read`.

        Where nothing else vouches for them, they have to come twice.
        """
        seen: set[bytes] = set()
        for _ in range(COPIES):
            data = _confirmed(lambda: self._read(path))
            if self.sure or data in seen:
                return data
            seen.add(data)
        raise never_twice(self.url(path), COPIES)

    def _read(self, path: str) -> bytes:
        with self._answer(path) as response:
            return response.read()

    def download(
        self,
        path: str,
        into: Path,
        first: int = 0,
        last: int | None = None,
        check: Callable[[int], None] | None = None,
    ) -> Received:
        """Download a file, or a range of its bytes; see `Transport.download`."""
        part = Part(into, first, last, self.url(path))

        def ask() -> None:
            with self._answer(path, part.request_headers()) as response:
                _begin(part, response, check)
                part.append(response.iter_bytes())

        if not part.complete:
            _confirmed(ask)
        return part.finish()

    @contextmanager
    def _answer(self, path: str, headers: dict[str, str] | None = None) -> Iterator[httpx.Response]:
        """Request a file; network errors become transient or permanent source errors."""
        url = self.url(path)
        try:
            with self._client.stream("GET", url, headers=headers) as response:
                _check_status(response, url)
                yield response
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
            raise SettingsError(
                f"{url} is not a valid address: {error}. Check source.base_url."
            ) from error
        except httpx.TransportError as error:
            reason = f"{url} cannot be read: {str(error) or type(error).__name__}"
            if _is_certificate_error(error):
                raise SourceError(
                    f"{reason}. The server's certificate is not trusted; check source.base_url."
                ) from error
            raise TransientSourceError(f"{reason}. Try again later.") from error
        except httpx.RequestError as error:
            raise SourceError(f"{url} cannot be read: {error}. Check source.base_url.") from error


class FolderTransport:
    """A mirror in a folder.

    Args:
        path: The folder to which paths are relative.
    """

    def __init__(self, path: str | Path) -> None:
        self.root = Path(path).expanduser().resolve()
        self.where = str(self.root)
        self.sure = COPIED

    def read(self, path: str) -> bytes:
        """Return a small file's bytes; see `Transport.read`."""
        with self._readable(path):
            return (self.root / path).read_bytes()

    def download(
        self,
        path: str,
        into: Path,
        first: int = 0,
        last: int | None = None,
        check: Callable[[int], None] | None = None,
    ) -> Received:
        """Copy a file, or a range of its bytes; see `Transport.download`."""
        with self._readable(path):
            source = (self.root / path).open("rb")
        with source:
            total = source.seek(0, 2)
            if check and (first > 0 or last is not None):
                check(total)
            part = Part(into, first, last, str(self.root / path), resume=False)
            part.begin(first, last, total)
            end = total if last is None else min(last + 1, total)
            part.append(_pieces(source, first, end))
        return part.finish()

    @contextmanager
    def _readable(self, path: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, NotADirectoryError) as error:
            what = self.root / path if self.root.is_dir() else self.root
            raise MissingFileError(f"{what} does not exist. Check source.base_url.") from error
        except OSError as error:
            raise SourceError(
                f"{self.root / path} cannot be read: {error}. Check its permissions."
            ) from error


def open_transport(base_url: str, timeout_s: float = 30.0) -> HttpTransport | FolderTransport:
    """Return the transport for a mirror's address: http://, https://, file:// or a folder.

    Raises:
        SettingsError: The address has another scheme.
    """
    scheme = urlsplit(base_url).scheme.lower()
    if scheme in ("http", "https"):
        return HttpTransport(base_url, timeout_s)
    if scheme == "file":
        return FolderTransport(url2pathname(urlsplit(base_url).path))
    if "://" in base_url:
        raise SettingsError(
            f"source.base_url={base_url!r} starts with {scheme}://. "
            "Expected https://, http://, file:// or the path of a folder."
        )
    return FolderTransport(base_url)


def never_twice(what: str, times: int) -> TransientSourceError:
    """Return the error for bytes that came several times, and never the same twice."""
    return TransientSourceError(
        f"{what} was fetched {times} times, and never came the same twice. Try again later, or use "
        "https://physionet.org/files as source.base_url."
    )


def _confirmed(ask: Callable[[], _Answer]) -> _Answer:
    """Return an answer; one that would be final is asked for again before it is believed.

    Raises:
        TransientSourceError: The source is not reached, or says one thing now and another then.
    """
    said: list[str] = []
    while True:
        try:
            return ask()
        except TransientSourceError:
            raise
        except (SourceError, RecordError) as error:
            said.append(str(error))
            if len(set(said)) > 1:
                raise TransientSourceError(f"{said[0]} Asked again: {error}") from error
            if len(said) == ASKED:
                raise
            time.sleep(PAUSE_S)


def _pieces(source: BinaryIO, first: int, end: int) -> Iterator[bytes]:
    """Yield a file's bytes from `first` to before `end`."""
    source.seek(first)
    while first < end and (piece := source.read(min(_CHUNK, end - first))):
        first += len(piece)
        yield piece


def _begin(part: Part, response: httpx.Response, check: Callable[[int], None] | None) -> None:
    """Check a response's headers against the request, and prepare the part for the body."""
    if response.status_code == 200:
        length = response.headers.get("Content-Length", "")
        encoded = response.headers.get("Content-Encoding", "identity") != "identity"
        total = int(length) if length.isdigit() and not encoded else None
        part.begin(0, None, total, _validator(response))
        return
    text = response.headers.get("Content-Range", "")
    if response.status_code == 416:
        part.refuse_range(text)
    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", text.strip())
    if not found:
        raise SourceError(
            f"{part.origin} was sent with Content-Range {text!r}, expected "
            "'bytes FIRST-LAST/SIZE'. Set source.whole_files=true, or use another mirror."
        )
    start, _, total = (int(n) for n in found.groups())
    if check and part.ranged:
        check(total)
    part.begin_range(start, total, _validator(response))


def _validator(response: httpx.Response) -> str | None:
    """Return the file's strong ETag, else its Last-Modified date, else None."""
    tag: str | None = response.headers.get("ETag")
    date: str | None = response.headers.get("Last-Modified")
    return tag if tag and not tag.startswith("W/") else date


def _check_status(response: httpx.Response, url: str) -> None:
    status = response.status_code
    answer = f"{url} answered {status} {response.reason_phrase}".rstrip()
    if status in (200, 206, 416):
        return
    if status in (404, 410):
        raise MissingFileError(
            f"{answer}: the mirror does not have this file. Check source.base_url."
        )
    if status in _TRANSIENT or status >= 500:
        raise TransientSourceError(f"{answer}. Try again later.")
    raise SourceError(f"{answer}. Check source.base_url, and whether access requires a login.")


def _is_certificate_error(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


@cache
def _certificates() -> ssl.SSLContext:
    """Return the trusted certificates; cached, because loading them is slow."""
    return httpx.create_ssl_context()


def _user_agent() -> str:
    try:
        return f"ecg-denoiser/{version('ecg-denoiser')} (python-httpx/{httpx.__version__})"
    except PackageNotFoundError:
        return f"ecg-denoiser (python-httpx/{httpx.__version__})"
