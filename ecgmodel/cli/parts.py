"""Options for settings, shared by the subcommands."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click


def with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --preset, --config and --set; the first is the same as --set preset=NAME."""

    @wraps(command)
    def with_preset(*args: Any, preset: str | None, pairs: tuple[str, ...], **more: Any) -> Any:
        pairs = (f"preset={preset}", *pairs) if preset else pairs
        return command(*args, pairs=pairs, **more)

    pairs = click.option(
        "--set",
        "pairs",
        multiple=True,
        metavar="A.B=C",
        help="One setting, e.g. training.epochs=8 or 'source.clean=[mitdb,qtdb]'. Repeatable.",
    )
    config = click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE.yaml",
        help="YAML file of settings; see `ecg-denoise settings`. --set overrides it.",
    )
    preset = click.option(
        "--preset",
        metavar="NAME",
        help="Named settings; `ecg-denoise settings --presets` lists them. --config and --set "
        "come on top.",
    )
    return preset(config(pairs(with_preset)))
