"""Runs the pipeline from the cache in this process and measures its parts; used by `rerun`.

Overlapping parts (hashing runs in threads) are measured by the time for which the main thread
waits.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from ecgmodel.cli import main as cli


def main(started: float, arguments: list[str]) -> dict[str, float]:
    """Run the command, and return the seconds of its parts.

    Args:
        started: Time at which the process was started, s since the epoch.
        arguments: Arguments of the command.
    """
    import flows.pipeline
    import flows.prepare
    import flows.train
    import tasks.caching
    from tasks.tracking import Tracker

    parts = {"interpreter and imports": time.time() - started}
    spent = {"hashing": 0.0, "tasks": 0.0, "MLflow": 0.0}
    begun = time.perf_counter()

    def timed(owner: Any, name: str, part: str) -> None:
        call: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(call)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                spent[part] += time.perf_counter() - start

        setattr(owner, name, wrapped)

    original = flows.prepare.prepare_noise

    def first_step(*args: Any) -> Any:
        parts["Prefect's start"] = time.perf_counter() - begun
        return original(*args)

    vars(flows.prepare)["prepare_noise"] = first_step
    timed(tasks.caching, "_look_up", "hashing")
    for module in (flows.prepare, flows.train):
        for name in ("run_steps", "run_step"):
            if hasattr(module, name):
                timed(module, name, "tasks")
    timed(Tracker, "log", "MLflow")
    sys.argv[1:] = arguments
    cli.main()
    spent["tasks"] -= spent["hashing"]
    rest = time.perf_counter() - begun - parts["Prefect's start"] - sum(spent.values())
    return {**parts, **spent, "Prefect's flows and artifacts": rest}


if __name__ == "__main__":
    print(json.dumps(main(float(sys.argv[1]), sys.argv[2:])))
