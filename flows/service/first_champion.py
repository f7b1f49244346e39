"""Gives a registry without a champion the shipped network, in a process of its own.

`up` starts it once MLflow answers: the packages that it takes need seconds and memory, which the
supervisor does without.
"""

from __future__ import annotations

import json
import sys

from flows.service.servers import Server, client_environment
from flows.service.settings import ServedSettings

NAME = "first-champion"


def first_champion(settings: ServedSettings) -> Server:
    """Return the process; it ends when there is a champion."""
    command = (sys.executable, "-m", __name__, json.dumps(settings.pipeline))
    return Server(NAME, command, client_environment(settings.service), lambda: True)


def main() -> None:
    """See that there is a champion, by the settings that the command line holds as JSON."""
    from ecgmodel.config import Settings
    from ecgmodel.store import Store
    from tasks.tracking import Registry, Tracker, ensure_champion

    settings = Settings.model_validate_json(sys.argv[1])
    registry = Registry(Tracker(settings.tracking, Store(settings.store)))
    ensure_champion(registry, settings.gate.first_champion)


if __name__ == "__main__":
    main()
