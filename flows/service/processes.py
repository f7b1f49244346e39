"""Child processes: started with a log each, known by id and start time, and stopped for good."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from ecgmodel.store import write_text

STOP_S = 20.0
LOG_BYTES = 10_000_000


@dataclass(frozen=True)
class Known:
    """A process that was started: an id alone may by now be another process's.

    Attributes:
        pid: Its id.
        created: When it started, s since the epoch.
    """

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> Known:
        """Return what is to be remembered of a running process."""
        return cls(pid, psutil.Process(pid).create_time())

    @property
    def process(self) -> psutil.Process | None:
        """The process, None if it has ended."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < 1.0
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None

    def members(self) -> list[psutil.Process]:
        """Return the living processes of the session that it leads or led, itself among them."""
        with suppress(psutil.Error):
            if abs(psutil.Process(self.pid).create_time() - self.created) >= 1.0:
                return []  # the id is another process's by now, and so is the session
        found = []
        for process in psutil.process_iter():
            try:
                ours = os.getsid(process.pid) == self.pid
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found


def start(
    command: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path
) -> subprocess.Popen[bytes]:
    """Start a process whose output goes to the end of a log.

    It leads a session of its own, so that Ctrl-C in a terminal reaches only who stops it in order.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env={**os.environ, **environment},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def turn(log: Path, limit: int = LOG_BYTES) -> None:
    """Copy a log that has grown long to `NAME.log.1`, in place of the one before, and empty it.

    It stays the same file, which processes that write to its end keep open.
    """
    if log.stat().st_size > limit:
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        os.truncate(log, 0)


def stop(known: Iterable[Known], patience_s: float = STOP_S) -> None:
    """End processes and all that they started: first asked to, then made to.

    What a process started is found also where that process itself was killed.
    """
    family: dict[int, psutil.Process] = {}
    for one in known:
        members, leader = one.members(), one.process
        for process in [leader] if leader else list(members):
            with suppress(psutil.Error):
                members += process.children(recursive=True)
                process.terminate()
        family |= {process.pid: process for process in members}
    _, left = psutil.wait_procs(list(family.values()), timeout=patience_s)
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=patience_s)


def remember(file: Path, facts: Mapping[str, object]) -> None:
    """Write down who runs: `Known` values are kept as such."""
    tree = {n: asdict(v) if isinstance(v, Known) else v for n, v in facts.items()}
    write_text(file, json.dumps(tree, indent=1) + "\n")


def recall(file: Path) -> dict[str, Known]:
    """Return who was written down; nobody where there is no such file."""
    try:
        tree = json.loads(file.read_text())
        return {name: Known(**value) for name, value in tree.items()}
    except (OSError, ValueError, TypeError):
        return {}
