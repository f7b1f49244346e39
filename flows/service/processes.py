"""Child processes: started with a log file, identified by id and start time, and stopped."""

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
    """A process, identified by id and start time, since ids are reused.

    Attributes:
        pid: Process id.
        created: Start time, s since the epoch.
    """

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> Known:
        """Return the identity of a running process."""
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
        """Return the running processes of its session, including itself."""
        with suppress(psutil.Error):
            if abs(psutil.Process(self.pid).create_time() - self.created) >= 1.0:
                return []  # the id was reused, so the session is another one
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
    """Start a process that appends its output to a log file.

    It leads its own session, so that Ctrl-C reaches only the supervisor, which stops it in order.
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
    """Move the content of a long log to `NAME.log.1`, replacing the previous one.

    The log stays the same file, since processes keep it open for appending.
    """
    if log.stat().st_size > limit:
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        os.truncate(log, 0)


def stop(known: Iterable[Known], patience_s: float = STOP_S) -> None:
    """Stop processes and their descendants: first SIGTERM, then SIGKILL.

    Descendants are found even if their parent was killed.
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
    """Write the running processes to a file."""
    tree = {n: asdict(v) if isinstance(v, Known) else v for n, v in facts.items()}
    write_text(file, json.dumps(tree, indent=1) + "\n")


def recall(file: Path) -> dict[str, Known]:
    """Read processes from a file; empty if there is none."""
    try:
        tree = json.loads(file.read_text())
        return {name: Known(**value) for name, value in tree.items()}
    except (OSError, ValueError, TypeError):
        return {}
