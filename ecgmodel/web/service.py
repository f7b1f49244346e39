"""A request's way: a folder of its own, its body, a place in the queue, a worker, the answer."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from ecgmodel.web import archives
from ecgmodel.web.connections import RETRY_AFTER_S
from ecgmodel.web.counters import Metrics
from ecgmodel.web.intake import take_in
from ecgmodel.web.refusing import Refused
from ecgmodel.web.settings import Job, Limits, Options, Outcome, Setup, ViewOptions
from ecgmodel.web.shelf import Shelf
from ecgmodel.web.workers import Workers

LOOK_S = 0.5  # how often it is seen whether the client is still there


@dataclass
class Step:
    """How far a request is.

    Attributes:
        total: Bytes of its body, 0 if unknown.
        doing: "upload", "queue" or "denoise".
        share: What of that is done.
    """

    total: int
    doing: str = "upload"
    share: float = 0.0

    def came(self, count: int) -> None:
        """Take the number of bytes that came."""
        self.share = min(1.0, count / self.total) if self.total else 0.0

    def done(self, share: float) -> None:
        """Take the share of the denoising that is done."""
        self.doing, self.share = "denoise", share


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
        self.shelf = Shelf(limits.held, limits.held_seconds, archives.remove)
        self._steps: dict[str, Step] = {}  # how far work is that a page asks for

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
        job = Job(folder=folder, options=options, view=view, name=secrets.token_hex(16))
        work = options.work if isinstance(options, ViewOptions) else None
        step = Step(total=int(request.headers.get("content-length", "0")[:20]))
        try:
            if work:
                self._steps[work] = step
            outcome = await self._cleaned(request, job, step)
        except asyncio.CancelledError as error:
            self.leave(folder)
            raise Refused(503, "The service was stopped.") from error
        except BaseException:
            self.leave(folder)
            raise
        finally:
            self._steps.pop(work or "", None)
        self.metrics.cleaned(outcome.ecg_seconds)
        if outcome.saved:
            self.hold(job, outcome)
        return _Handed(self, job, outcome)

    def step(self, work: str) -> dict[str, Any]:
        """Return how far a page's work is; nothing is done of what is not here yet."""
        step = self._steps.get(work, Step(0))
        ahead = len(self._queued) - self.limits.workers if step.doing == "queue" else 0
        return {"doing": step.doing, "share": round(step.share, 3), "ahead": max(0, ahead)}

    async def _cleaned(self, request: Request, job: Job, step: Step) -> Outcome:
        came = job.folder / "in"
        came.mkdir()
        await take_in(request, job.options, self.limits, came, step.came)
        self._check_queue()
        self._moving.discard(job.folder)
        self._queued.add(job.folder)
        step.doing, step.share = "queue", 0.0
        outcome = await self._work(request, job, step)
        if outcome.status != 200:
            raise Refused(outcome.status, outcome.error, outcome.needs)
        self._queued.discard(job.folder)
        self._moving.add(job.folder)
        return outcome

    async def _work(self, request: Request, job: Job, step: Step) -> Outcome:
        """Do the job, unless the client goes first: then it is given up."""
        work = asyncio.ensure_future(self._workers.do(job, step.done))
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

    def hold(self, job: Job, outcome: Outcome) -> None:
        """Hold a long recording for its page, which may ask as soon as it has the answer."""
        for folder in ("in", "unpacked", "out/files"):
            archives.remove(job.folder / folder)
        self.shelf.put(job.name, job.folder, outcome)

    def sent(self, job: Job, outcome: Outcome, is_whole: bool) -> None:
        """Free a request's place when its answer is out; a long recording stays for its page."""
        self.leave(job.folder, keep=bool(outcome.saved))
        if outcome.saved:
            (job.folder / "out" / outcome.file).unlink(missing_ok=True)
        if not is_whole:
            self.shelf.drop(job.name)

    def leave(self, folder: Path, keep: bool = False) -> None:
        """Remove a request's folder and free its place."""
        if not keep:
            archives.remove(folder)
        self._moving.discard(folder)
        self._queued.discard(folder)
        self.metrics.at_work.set(self.here)


class _Handed(FileResponse):
    """A worker's file, which is gone when it is sent, or when sending it took too long."""

    def __init__(self, service: Service, job: Job, outcome: Outcome) -> None:
        self._service, self._job, self._outcome = service, job, outcome
        path = job.folder / "out" / outcome.file
        super().__init__(path, media_type=outcome.media, filename=outcome.name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The file is gone after this answer, so no part of it can be asked for.
        scope = {**scope, "headers": [h for h in scope["headers"] if h[0] != b"range"]}
        del self.headers["accept-ranges"]
        is_whole = False
        try:
            async with asyncio.timeout(self._service.limits.upload_seconds):
                await super().__call__(scope, receive, send)
                is_whole = True
        finally:
            self._service.sent(self._job, self._outcome, is_whole)


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
