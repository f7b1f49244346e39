"""Gives a registry without a champion the shipped network, in a process of its own.

`up` starts it once MLflow answers: the packages that it takes need seconds and memory, which the
supervisor does without.
"""

from __future__ import annotations

import json
import os
import sys

from flows.service.servers import Server, client_environment
from flows.service.settings import ServedSettings

NAME, VARIABLE = "first-champion", "ECG_FIRST_CHAMPION"


def first_champion(settings: ServedSettings) -> Server:
    """Return the process; it ends when there is a champion."""
    # Not on the command line, which everybody sees: an address may hold a password.
    variables = {**client_environment(settings.service), VARIABLE: json.dumps(settings.pipeline)}
    return Server(NAME, (sys.executable, "-m", __name__), variables, lambda: True)


def main() -> None:
    """See that there is a champion, by the settings that a variable holds as JSON."""
    from ecgmodel.settings.config import Settings
    from ecgmodel.store import Store
    from tasks.tracking import Registry, Tracker, ensure_champion

    settings = Settings.model_validate_json(os.environ[VARIABLE])
    registry = Registry(Tracker(settings.tracking, Store(settings.store)))
    ensure_champion(registry, settings.gate.first_champion)


if __name__ == "__main__":
    main()
