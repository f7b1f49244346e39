"""A command under strace: which files it and its children write, and whom they speak to."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

_CALLS = "connect,sendto,sendmsg,sendmmsg,open,openat,creat"
_ADDRESS = re.compile(r'_port=htons\((\d+)\).*?(?:inet_addr\(|inet_pton\(AF_INET6, )"([^"]+)"')
_WRITTEN = re.compile(r"(?:O_WRONLY|O_RDWR|O_CREAT|\bcreat\().* = \d+<(/[^>]*)>$")
_LOOPBACK = re.compile(r"127\.|::1$|::ffff:127\.")
_DNS = 53


@dataclass(frozen=True)
class Watched:
    """What a command did.

    Attributes:
        outside: Addresses beyond the loopback, "address:port", that it wanted to reach; a name
            server counts wherever it runs, since it asks others.
        written: Files that it opened for writing, save devices and Python's bytecode.
        output: What it printed.
    """

    outside: set[str]
    written: set[Path]
    output: str


def watch(command: list[str], folder: Path, **environment: str) -> Watched:
    """Run a command with a new home, `folder / "home"`, and no variables but PATH and these.

    Libraries keep quiet where they see a test or a CI server, so nothing tells them of one.

    Args:
        command: The program and its arguments; "python" is this interpreter, "ecg-denoise" the
            project's command.
        folder: Where it runs, and its temporary files go to.
        **environment: Variables to set.

    Raises:
        AssertionError: It failed.
    """
    if reason := _unable():
        pytest.skip(reason)
    bin = Path(sys.executable).parent
    traces, home, temporary = folder / "traces", folder / "home", folder / "tmp"
    for made in (traces, home, temporary):
        made.mkdir(parents=True)
    done = subprocess.run(
        [
            *("strace", "-f", "-ff", "--seccomp-bpf", "-y", "-qq", "-s", "0", "-e", "signal=none"),
            *("-e", f"trace={_CALLS}", "-o", str(traces / "of")),
            *(str(bin / command[0]), *command[1:]),
        ],
        cwd=folder,
        env={
            **{"PATH": f"{bin}:/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"},
            **{"HOME": str(home), "TMPDIR": str(temporary), **environment},
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=540,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    lines = [line for file in traces.iterdir() for line in file.read_text("utf8").splitlines()]
    reached = {(found[2], int(found[1])) for line in lines if (found := _ADDRESS.search(line))}
    written = {Path(found[1]) for line in lines if (found := _WRITTEN.search(line))}
    return Watched(
        {f"{to}:{port}" for to, port in reached if port == _DNS or not _LOOPBACK.match(to)},
        {p for p in written if p.parts[1] not in ("dev", "proc") and "__pycache__" not in p.parts},
        done.stdout,
    )


@cache
def _unable() -> str:
    """Return why nothing can be watched here, "" if it can."""
    if shutil.which("strace") is None:
        return "strace, which shows files and sockets of a process, is not installed"
    tried = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True)
    return "" if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.decode()}"
