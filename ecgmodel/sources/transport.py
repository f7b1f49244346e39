"""Reading the files of a mirror, over HTTP or from a folder, and going on after a break."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

import httpx

from ecgmodel.errors import MissingFileError, PassingSourceError, SettingsError, SourceError
from ecgmodel.sources._part import Part, Received

# Answers after which the same question may well succeed: timeout, too early, too many, 5xx.
_PASSING = {408, 425, 429}
_CHUNK = 1 << 20


class Transport(Protocol):
    """A way to read the files of a mirror; safe to use from several threads at once."""

    where: str

    def read(self, path: str) -> bytes:
        """Return a small file's bytes.

        Raises:
            PassingSourceError: The mirror does not answer, for now.
            MissingFileError: The mirror does not hold the file.
            SourceError: The mirror refuses.
        """

    def download(
        self,
        path: str,
        into: Path,
        first: int = 0,
        last: int | None = None,
        check: Callable[[int], None] | None = None,
    ) -> Received:
        """Write a file, or a range of its bytes, to `into`.

        The bytes go to `<into>.part`, which is gone on with after a break, and renamed when
        complete.

        Args:
            path: The file, relative to the mirror.
            into: Where it goes.
            first: First byte wanted.
            last: Last byte wanted, None for the file's end.
            check: Given the file's whole size before a range of it is read; raises if the size
                cannot be right.

        Returns:
            What was written: the whole file where the mirror does not serve ranges.

        Raises:
            PassingSourceError: The body was cut off or the mirror does not answer, for now.
            MissingFileError: The mirror does not hold the file.
            SourceError: The mirror refuses, or the file ends before `first`.
            OSError: The disk is full.
        """


class HttpTransport:
    """A mirror behind http:// or https://.

    Args:
        base_url: The address that paths are appended to.
        timeout_s: How long to wait for a connection and for the next piece of an answer, s.
    """

    def __init__(self, base_url: str, timeout_s: float = 30.0) -> None:
        self.where = base_url.rstrip("/")
        # Without "identity" a server may compress, and then sizes and ranges mean nothing.
        headers = {"User-Agent": _user_agent(), "Accept-Encoding": "identity"}
        self._client = httpx.Client(
            timeout=timeout_s, follow_redirects=True, headers=headers, verify=_certificates()
        )

    def url(self, path: str) -> str:
        """Return the address of a file."""
        return f"{self.where}/{quote(path)}"

    def read(self, path: str) -> bytes:
        """Return a small file's bytes; see `Transport.read`."""
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
        """Write a file, or a range of its bytes; see `Transport.download`."""
        part = Part(into, first, last, self.url(path))
        if not part.complete:
            with self._answer(path, part.request_headers()) as response:
                _begin(part, response, check)
                part.append(response.iter_bytes())
        return part.finish()

    @contextmanager
    def _answer(self, path: str, headers: dict[str, str] | None = None) -> Iterator[httpx.Response]:
        """Open a file's answer, with network errors told apart by whether they may pass."""
        url = self.url(path)
        try:
            with self._client.stream("GET", url, headers=headers) as response:
                _check_status(response, url)
                yield response
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
            raise SettingsError(f"{url} is not an address that can be read: {error}.") from error
        except httpx.TransportError as error:
            reason = f"{url} cannot be read: {str(error) or type(error).__name__}"
            if _is_certificate_error(error):
                raise SourceError(
                    f"{reason}. The server's certificate is not trusted; check source.base_url."
                ) from error
            raise PassingSourceError(f"{reason}. Try again later.") from error
        except httpx.RequestError as error:
            raise SourceError(f"{url} cannot be read: {error}. Check source.base_url.") from error


class FolderTransport:
    """A mirror in a folder.

    Args:
        path: The folder that paths are relative to.
    """

    def __init__(self, path: str | Path) -> None:
        self.root = Path(path).expanduser().resolve()
        self.where = str(self.root)

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
            raise MissingFileError(f"{what} is not there. Check source.base_url.") from error
        except OSError as error:
            raise SourceError(f"{self.root / path} cannot be read: {error}.") from error


def open_transport(base_url: str, timeout_s: float = 30.0) -> HttpTransport | FolderTransport:
    """Return the transport for a mirror's address: http://, https://, file:// or a folder.

    Raises:
        SettingsError: The address is of another kind.
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


def _pieces(source: BinaryIO, first: int, end: int) -> Iterator[bytes]:
    """Yield a file's bytes from `first` to before `end`."""
    source.seek(first)
    while first < end and (piece := source.read(min(_CHUNK, end - first))):
        first += len(piece)
        yield piece


def _begin(part: Part, response: httpx.Response, check: Callable[[int], None] | None) -> None:
    """Compare an answer's headers with what was asked for, and set the part up for its body."""
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
            f"{part.origin} was sent in part with Content-Range {text!r}, expected "
            "'bytes FIRST-LAST/SIZE'. Set source.whole_files=true, or use another mirror."
        )
    start, _, total = (int(n) for n in found.groups())
    if check and part.ranged:
        check(total)
    part.begin_range(start, total, _validator(response))


def _validator(response: httpx.Response) -> str | None:
    """Return what identifies this version of the file; a weak tag does not identify bytes."""
    tag: str | None = response.headers.get("ETag")
    date: str | None = response.headers.get("Last-Modified")
    return tag if tag and not tag.startswith("W/") else date


def _check_status(response: httpx.Response, url: str) -> None:
    status = response.status_code
    answer = f"{url} answered {status} {response.reason_phrase}".rstrip()
    if status in (200, 206, 416):
        return
    if status in (404, 410):
        raise MissingFileError(f"{answer}: the mirror does not hold it. Check source.base_url.")
    if status in _PASSING or status >= 500:
        raise PassingSourceError(f"{answer}. Try again later.")
    raise SourceError(f"{answer}. Check source.base_url, and whether the data needs a login.")


def _is_certificate_error(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


@cache
def _certificates() -> ssl.SSLContext:
    """Return the trusted certificates; loading them takes long, so it is done once a process."""
    return httpx.create_ssl_context()


def _user_agent() -> str:
    try:
        return f"ecg-denoiser/{version('ecg-denoiser')} (python-httpx/{httpx.__version__})"
    except PackageNotFoundError:
        return f"ecg-denoiser (python-httpx/{httpx.__version__})"
