"""Additions of the pipeline to the command, found through entry points."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import click

GROUP = "ecg_denoise.pipeline"


def pipeline(name: str) -> Any:
    """Load an entry point of the group `GROUP`.

    Args:
        name: "commands", a tuple of subcommands; "find_model", which returns the network of a
            registered model; or "denoise_as_flow".

    Raises:
        ClickException: The package is not installed, so its entry points are unknown.
    """
    for point in entry_points(group=GROUP, name=name):
        return point.load()
    raise click.ClickException(
        f"The entry points of {GROUP} are missing. Install the package, for example with "
        "`pip install -e .` in the checkout."
    )
