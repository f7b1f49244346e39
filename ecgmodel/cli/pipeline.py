"""What the pipeline adds to the command, where it is installed: found by its entry points."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

GROUP = "ecg_denoise.pipeline"


def pipeline(name: str) -> Any:
    """Return what the pipeline offers under a name of the entry-point group `GROUP`.

    Args:
        name: "commands", a tuple of subcommands; "find_model", the network of an address; or
            "denoise_as_flow".
    """
    (point,) = entry_points(group=GROUP, name=name)
    return point.load()
