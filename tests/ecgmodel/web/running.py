"""The service as a user starts it: the command, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
ROOT = Path(__file__).parents[3]
SERVE = """
import sys
from ecgmodel.web.server import Address, serve
from ecgmodel.web.settings import Limits
ready = lambda port: print(f"http://127.0.0.1:{port}/", flush=True)
serve(Address("127.0.0.1", 0), "default", "", Limits.model_validate_json(sys.argv[1]), ready)
"""


@dataclass(frozen=True)
class Web:
    """A service that runs.

    Attributes:
        url: Where.
        token: What it wants to be told, "" if nothing.
        process: The command.
        temporary: Where it keeps what it is working on.
    """

    url: str
    token: str
    process: subprocess.Popen[str]
    temporary: Path

    def client(self, **headers: str) -> httpx.Client:
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return httpx.Client(base_url=self.url, headers=headers, timeout=120)

    def left(self) -> list[Path]:
        """Return the files of requests that are still there."""
        jobs = self.temporary.glob("ecg-denoise-web-*/*/**/*")
        return [path for path in jobs if path.is_file()]


def awaited(work: Coroutine[Any, Any, T]) -> T:
    """Return what comes of it, in a thread: in this one the browser's loop may run."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@contextmanager
def web(temporary: Path, *options: str, **limits: float) -> Iterator[Web]:
    """Run `ecg-denoise web` until the block ends; or the service alone, with other limits."""
    temporary.mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
    environment.pop("ECG_WEB_TOKEN", None)
    command = ("-m", "ecgmodel.cli.main", "web", "--port", "0", *options)
    process = subprocess.Popen(
        [sys.executable, *(("-c", SERVE, json.dumps(limits)) if limits else command)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"http://[^/]*:(\d+)/(?:#token=(\S+))?", line)
        assert found, f"the service did not start: {line!r}"
        url = f"http://127.0.0.1:{found[1]}"
        yield Web(url, found[2] or "", process, temporary)
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()
