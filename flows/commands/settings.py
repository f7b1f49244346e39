"""The subcommand `settings`."""

from __future__ import annotations

from pathlib import Path

import click

from ecgmodel.cli.parts import with_settings
from flows.commands._parts import read_settings


@click.command("settings")
@click.option("--presets", "listed", is_flag=True, help="List the presets.")
@with_settings
def show_settings(listed: bool, config: Path | None, pairs: tuple[str, ...]) -> None:
    """Print all settings as YAML.

    --preset, --config and --set are applied.
    """
    import yaml

    from ecgmodel.settings import presets
    from ecgmodel.settings.preflight import check_places

    if listed:
        for name, line in presets.described().items():
            click.echo(f"{name:<10}{line}")
        return
    settings = read_settings(config, pairs)
    check_places(settings)
    tree = settings.model_dump(mode="json")
    click.echo(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).rstrip())
