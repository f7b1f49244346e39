"""Registers the shipped network as first champion, in a separate process.

`up` starts it when MLflow answers. A separate process keeps MLflow's client out of the supervisor.
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
    # Not on the command line, which other users can read: a URL may contain a password.
    variables = {**client_environment(settings.service), VARIABLE: json.dumps(settings.pipeline)}
    return Server(NAME, (sys.executable, "-m", __name__), variables, lambda: True)


def main() -> None:
    """Register the first champion; an environment variable holds the settings as JSON."""
    from ecgmodel.settings.config import Settings
    from ecgmodel.store import Store
    from tasks.tracking import Registry, Tracker, ensure_champion

    settings = Settings.model_validate_json(os.environ[VARIABLE])
    registry = Registry(Tracker(settings.tracking, Store(settings.store)))
    ensure_champion(registry, settings.gate.first_champion)


if __name__ == "__main__":
    main()
