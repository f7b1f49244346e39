"""A request's body becomes files in a folder, never more than may be."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from ecgmodel.web.guard import too_large
from ecgmodel.web.refusing import Refused
from ecgmodel.web.settings import Limits, Options

MULTIPART, ANY = "multipart/form-data", "application/octet-stream"
SUFFIXES = {
    "application/json": ".json",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "text/plain": ".txt",
    "application/zip": ".zip",
    "application/x-zip-compressed": ".zip",
    "application/edf": ".edf",
    "application/x-edf": ".edf",
    "application/x-bdf": ".bdf",
    "application/x-npy": ".npy",
    "application/x-npz": ".npz",
    "application/vnd.apache.parquet": ".parquet",
    "application/dicom": ".dcm",
    "application/xml": ".xml",
    "text/xml": ".xml",
}
MEDIA = {suffix: media for media, suffix in reversed(SUFFIXES.items())}
GRACE_S, SLOWEST = 10.0, 10_000
"""How long a body may take in any case, s, and how fast it has to come after that, B/s."""
Came = Callable[[int], None]
_NAME = re.compile(r"[^\x00-\x1f\x7f/\\:]{1,200}")


async def take_in(
    request: Request,
    options: Options,
    limits: Limits,
    into: Path,
    told: Came = lambda _: None,
) -> None:
    """Write what a request carries as files into a folder.

    Args:
        request: Its body is a file, or a form with files.
        options: May name the file.
        limits: How much it may be.
        into: An empty folder.
        told: Is told how many bytes have come.

    Raises:
        Refused: It is too large or too slow, of a kind that is not known, or carries nothing.
    """
    begun = asyncio.get_running_loop().time()
    most = limits.upload_seconds
    try:
        async with asyncio.timeout(min(most, GRACE_S)) as limit:

            def came(count: int) -> None:
                told(count)
                limit.reschedule(begun + min(most, GRACE_S + count / SLOWEST))

            await _write(request, options, limits, into, came)
    except TimeoutError as error:
        raise Refused(
            408,
            f"The recording came too slowly. Expected {SLOWEST / 1000:g} kB/s, and all of it "
            f"within {most:g} s.",
        ) from error


async def _write(
    request: Request, options: Options, limits: Limits, into: Path, came: Came
) -> None:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == MULTIPART:
        await _form(request, limits, into, came)
        return
    suffix = SUFFIXES.get(media)
    if options.name is None and suffix is None:
        raise Refused(
            415,
            f"Expected one of {', '.join(SUFFIXES)}, {MULTIPART}, or {ANY} with the file's name "
            f"in the address (?name=night.edf). Received: {media[:100]!r}.",
        )
    name = f"recording{suffix}" if options.name is None else safe_name(options.name)
    count = 0
    with (into / name).open("wb") as file:
        async for chunk in _pieces(request, limits.megabytes * 1_000_000, came):
            count += len(chunk)
            file.write(chunk)
    if not count:
        raise Refused(400, "The body is empty. Expected a recording.")


async def _form(request: Request, limits: Limits, into: Path, came: Came) -> None:
    body = _pieces(request, limits.megabytes * 1_000_000, came)
    parser = MultiPartParser(
        request.headers, body, max_files=limits.files, max_fields=0, max_part_size=1000
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Refused(
            400,
            f"The form cannot be read: {error.message} Expected at most {limits.files} files, and "
            "options in the address.",
        ) from error
    except (LookupError, ValueError) as error:
        raise Refused(400, "The form cannot be read. Is its boundary right?") from error
    try:
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        if not files:
            raise Refused(400, "The form holds no file. Expected a recording.")
        for upload in files:
            path = into / safe_name(upload.filename or "")
            if path.exists():
                raise Refused(400, f"Two files are called {path.name!r}.")
            with path.open("wb") as file:
                await run_in_threadpool(shutil.copyfileobj, upload.file, file)
    finally:
        await form.close()


async def _pieces(request: Request, most: int, came: Came) -> AsyncGenerator[bytes, None]:
    """Yield the body, say how much of it came, and refuse it as soon as it is too large."""
    count = 0
    try:
        async for chunk in request.stream():
            count += len(chunk)
            if count > most:
                raise Refused(413, too_large(most))
            came(count)
            yield chunk
    except ClientDisconnect as error:
        raise Refused(400, "The connection ended before the body did.") from error


def safe_name(name: str) -> str:
    """Return a file's name, if it is one and nothing else.

    Raises:
        Refused: It leads elsewhere, or is hidden.
    """
    if not _NAME.fullmatch(name) or name.startswith(".") or len(name.encode()) > 250:
        raise Refused(400, f"Expected a plain file name. Received: {name[:100]!r}.")
    return name
