"""A request's way: a folder of its own, its body, a place in the queue, a worker, the answer."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from ecgmodel.web import archives
from ecgmodel.web.connections import RETRY_AFTER_S
from ecgmodel.web.counters import Metrics
from ecgmodel.web.intake import take_in
from ecgmodel.web.refusing import Refused
from ecgmodel.web.settings import Job, Limits, Options, Outcome, Setup
from ecgmodel.web.workers import Workers

LOOK_S = 0.5  # how often it is seen whether the client is still there


class Service:
    """Cleans what is sent, and keeps nothing of it.

    Args:
        model: The network: an .onnx file, or the name of a shipped one.
        label: How it is named; "" for its own name.
        limits: What a request may cost.
    """

    def __init__(self, model: str, label: str, limits: Limits) -> None:
        self.limits = limits
        self.metrics = Metrics()
        self.model = label
        self._temporary = tempfile.TemporaryDirectory(
            prefix="ecg-denoise-web-", ignore_cleanup_errors=True
        )
        self.root = Path(self._temporary.name)
        self._workers = Workers(Setup(root=self.root, model=model, label=label, limits=limits))
        self._moving: set[Path] = set()  # folders of requests that come in or go out
        self._queued: set[Path] = set()
        self._example = asyncio.Lock()

    @property
    def here(self) -> int:
        """How many recordings are here."""
        return len(self._moving) + len(self._queued)

    async def start(self) -> None:
        """Start the workers.

        Raises:
            Refused: The network cannot be loaded.
        """
        try:
            self.model = await self._workers.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End the workers and remove what is left of recordings."""
        await self._workers.stop()
        self._temporary.cleanup()

    async def example(self) -> Path:
        """Return the archive of a simulated recording, which is made once."""
        archive = self.root / "example.zip"
        async with self._example:
            if not archive.is_file():
                await asyncio.to_thread(_make_example, archive)
        return archive

    async def clean(self, request: Request, options: Options, view: bool = False) -> Response:
        """Answer a request that carries a recording.

        Args:
            request: Its body is not read yet.
            options: What its address says.
            view: Whether to answer for the page.

        Raises:
            Refused: It is not answered as it was meant.
        """
        folder = self._let_in()
        try:
            outcome = await self._cleaned(request, Job(folder=folder, options=options, view=view))
        except asyncio.CancelledError as error:
            self.leave(folder)
            raise Refused(503, "The service was stopped.") from error
        except BaseException:
            self.leave(folder)
            raise
        self.metrics.cleaned(outcome.ecg_seconds)
        return _Handed(self, folder, outcome)

    async def _cleaned(self, request: Request, job: Job) -> Outcome:
        came = job.folder / "in"
        came.mkdir()
        await take_in(request, job.options, self.limits, came)
        self._check_queue()
        self._moving.discard(job.folder)
        self._queued.add(job.folder)
        outcome = await self._work(request, job)
        if outcome.status != 200:
            raise Refused(outcome.status, outcome.error, outcome.needs)
        self._queued.discard(job.folder)
        self._moving.add(job.folder)
        return outcome

    async def _work(self, request: Request, job: Job) -> Outcome:
        """Do the job, unless the client goes first: then it is given up."""
        work = asyncio.ensure_future(self._workers.do(job))
        gone = asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise Refused(400, "The client disconnected before the recording was denoised.")
            return work.result()
        finally:
            for task in (work, gone):
                task.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)

    def _let_in(self) -> Path:
        """Return a folder for a request, unless so many are here that it could not be cleaned."""
        self._check_queue()
        if len(self._moving) >= self.limits.transfers:
            raise _busy(f"{len(self._moving)} uploads and downloads are in progress.")
        folder = Path(tempfile.mkdtemp(dir=self.root))
        self._moving.add(folder)
        self.metrics.at_work.set(self.here)
        return folder

    def _check_queue(self) -> None:
        if len(self._queued) >= self.limits.workers + self.limits.waiting:
            raise _busy(f"{len(self._queued)} recordings are already in the queue.")

    def leave(self, folder: Path) -> None:
        """Remove a request's folder and free its place."""
        archives.remove(folder)
        self._moving.discard(folder)
        self._queued.discard(folder)
        self.metrics.at_work.set(self.here)


class _Handed(FileResponse):
    """A worker's file, which is gone when it is sent, or when sending it took too long."""

    def __init__(self, service: Service, folder: Path, outcome: Outcome) -> None:
        self._service, self._folder = service, folder
        super().__init__(
            folder / "out" / outcome.file, media_type=outcome.media, filename=outcome.name
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The file is gone after this answer, so no part of it can be asked for.
        scope = {**scope, "headers": [h for h in scope["headers"] if h[0] != b"range"]}
        del self.headers["accept-ranges"]
        try:
            async with asyncio.timeout(self._service.limits.upload_seconds):
                await super().__call__(scope, receive, send)
        finally:
            self._service.leave(self._folder)


def _busy(why: str) -> Refused:
    again = {"Retry-After": str(RETRY_AFTER_S)}
    return Refused(503, f"{why} Try again in a moment.", headers=again)


async def _gone(request: Request) -> None:
    while not await request.is_disconnected():
        await asyncio.sleep(LOOK_S)


def _make_example(archive: Path) -> None:
    from ecgmodel.sources.example import write_example

    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        made = Path(folder, archive.name)
        archives.pack(write_example(Path(folder)), Path(folder), made)
        made.rename(archive)
