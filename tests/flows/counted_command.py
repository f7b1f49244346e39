"""`ecg-denoise`, writing down what it does: python -m tests.flows.counted_command LOG ARGUMENTS."""

from __future__ import annotations

import os
import sys

from tests.flows.small import counted

HEAVY = ("tensorflow", "keras", "matplotlib", "mlflow", "prefect", "neurokit2", "scipy", "pandas")


def main() -> None:
    """Run the command, and log each unit at the start of its work, and what was imported."""
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    sys.argv = ["ecg-denoise", *sys.argv[2:]]
    from ecgmodel.cli import main as cli

    with counted(lambda unit: _append(log, unit)):
        cli.main()
    _append(log, "# " + " ".join(name for name in HEAVY if name in sys.modules))


def _append(log: int, line: str) -> None:
    os.write(log, f"{line}\n".encode())


if __name__ == "__main__":
    main()
