"""Telemetry of dependencies is switched off here, for the command, the library and the service."""

from __future__ import annotations

import os

OFF = {
    "DO_NOT_TRACK": "true",  # Prefect's client, and MLflow
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime: a device id and a queue of events in ~/.cache
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_V2_ENABLED": "false",  # that UI asks an outside address
}
"""The environment variables that switch it off."""


def switch_off() -> None:
    """Set these variables, unless the user has set them otherwise.

    The libraries read them when they are imported, so this has to run before.
    """
    for name, value in OFF.items():
        os.environ.setdefault(name, value)
