"""`ecg-denoise`, writing down what it does: python -m tests.flows.counted_command LOG ARGUMENTS.

Where a variable names a function and a number, that call of the function kills the process.
"""

from __future__ import annotations

import os
import pkgutil
import signal
import sys
from itertools import count
from typing import Any

from tests.flows.small import KILLED_AT, counted

HEAVY = ("tensorflow", "keras", "matplotlib", "mlflow", "prefect", "neurokit2", "scipy", "pandas")


def main() -> None:
    """Run the command, and log each unit at the start of its work, and what was imported."""
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    sys.argv = ["ecg-denoise", *sys.argv[2:]]
    from ecgmodel.cli import main as cli

    if KILLED_AT in os.environ:
        _be_killed(*os.environ[KILLED_AT].split())
    with counted(lambda unit: _append(log, unit)):
        cli.main()
    _append(log, "# " + " ".join(name for name in HEAVY if name in sys.modules))


def _be_killed(function: str, call: str) -> None:
    """Have the process killed, as by `kill -9`, at the begin of a function's call."""
    place, _, name = function.rpartition(".")
    owner, calls = pkgutil.resolve_name(place), count(1)
    original = getattr(owner, name)

    def killed(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == int(call):
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    setattr(owner, name, killed)


def _append(log: int, line: str) -> None:
    os.write(log, f"{line}\n".encode())


if __name__ == "__main__":
    main()
