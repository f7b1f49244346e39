"""Processes that clean: one recording each at a time, ended when one takes too long."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable

from ecgmodel.web.refusing import Refused
from ecgmodel.web.settings import Job, Outcome, Setup

Told = Callable[[float], None]
START_S = 120.0
FAULT = "The process that cleans gave no answer that can be read, and was ended. Try again."


class Worker:
    """One process. It ends when it takes too long, and the next job gets a new one.

    Args:
        setup: What it has to know.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._process: Process | None = None

    async def start(self) -> str:
        """Start the process and return the name of its network.

        Raises:
            Refused: It cannot start; the message says why.
        """
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ecgmodel.web.work", self.setup.model_dump_json()),
            stdin=PIPE,
            stdout=PIPE,
            start_new_session=True,  # Ctrl-C is for the service, which ends it
        )
        ready = await self._answer(START_S, "")
        if ready.status != 200:
            raise Refused(ready.status, ready.error)
        return ready.name

    async def do(self, job: Job, told: Told = lambda _: None) -> Outcome:
        """Do a job, and tell the share of it that is done.

        Raises:
            Refused: It took too long, the process died of it, or what it said is no answer.
        """
        if self._process is None or self._process.returncode is not None:
            await self.start()
        process = self._process
        if process is None or process.stdin is None:
            raise Refused(503, "The process that cleans was ended.")
        process.stdin.write(job.model_dump_json().encode() + b"\n")
        return await self._answer(self.setup.limits.seconds, job.folder.name, told)

    async def stop(self) -> None:
        """End the process, whatever it does."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.wait()

    async def _answer(self, seconds: float, job: str, told: Told = lambda _: None) -> Outcome:
        """Return what the process says of a job; end it if that is anything but its answer."""
        try:
            async with asyncio.timeout(seconds):
                while (outcome := await self._heard(job)).share < 1:
                    told(outcome.share)
            return outcome
        except TimeoutError as error:
            await self.stop()
            raise Refused(
                504,
                f"It took more than {seconds:g} s, which one recording may. Cut the recording, or "
                "start the service with a larger --max-seconds.",
            ) from error
        except BaseException:
            await self.stop()  # what it may still say is no answer to the next job
            raise

    async def _heard(self, job: str) -> Outcome:
        process = self._process
        try:
            line = await process.stdout.readline() if process and process.stdout else b""
        except ValueError as error:  # a line longer than asyncio reads
            raise Refused(500, FAULT) from error
        if not line:
            raise Refused(500, "The process that cleans ended. Is the recording too large?")
        try:
            outcome = Outcome.model_validate_json(line)
        except ValueError as error:
            raise Refused(500, FAULT) from error
        if outcome.job != job:
            raise Refused(500, FAULT)
        return outcome


class Workers:
    """All processes; a job waits for the first that is free.

    Args:
        setup: What each has to know.
    """

    def __init__(self, setup: Setup) -> None:
        self.all = [Worker(setup) for _ in range(setup.limits.workers)]
        self._free: asyncio.Queue[Worker] = asyncio.Queue()

    async def start(self) -> str:
        """Start all and return the name of their network."""
        names = await asyncio.gather(*(worker.start() for worker in self.all))
        for worker in self.all:
            self._free.put_nowait(worker)
        return names[0]

    async def do(self, job: Job, told: Told = lambda _: None) -> Outcome:
        """Do a job when its turn comes; see `Worker.do`."""
        worker = await self._free.get()
        try:
            told(0.0)
            return await worker.do(job, told)
        finally:
            self._free.put_nowait(worker)

    async def stop(self) -> None:
        """End all."""
        await asyncio.gather(*(worker.stop() for worker in self.all))
