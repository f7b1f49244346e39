"""What the pipeline adds to the command, where it is installed: found by its entry points."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import click

GROUP = "ecg_denoise.pipeline"


def pipeline(name: str) -> Any:
    """Return what the pipeline offers under a name of the entry-point group `GROUP`.

    Args:
        name: "commands", a tuple of subcommands; "find_model", the network of an address; or
            "denoise_as_flow".

    Raises:
        ClickException: The package is not installed, so that its entry points are not known.
    """
    for point in entry_points(group=GROUP, name=name):
        return point.load()
    raise click.ClickException(
        f"The entry points of {GROUP} are not known. Install the package first, for example with "
        "`pip install -e .` in the checkout."
    )
