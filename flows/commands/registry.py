"""Subcommands for the model in use: retrain, promote, rollback, history."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ecgmodel.cli.parts import with_settings
from flows.commands._parts import orchestrated, read_settings, show

if TYPE_CHECKING:
    from ecgmodel.settings.config import Settings
    from tasks.tracking import Change, Registry


def _renamed(_context: click.Context, _option: click.Parameter, given: bool) -> None:
    if given:
        raise click.UsageError("--from-champion is now --set training.start_from=champion.")


@click.command()
@click.option(
    "--dataset",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of an existing dataset. Default: the one of the settings.",
)
@click.option(
    "--from-champion",
    is_flag=True,
    hidden=True,
    expose_value=False,
    callback=_renamed,
)
@with_settings
def retrain(dataset: Path | None, config: Path | None, pairs: tuple[str, ...]) -> None:
    """Train again; promote the result if better.

    It trains on the current recordings. With --preset adapt, it starts from the weights in use.
    """
    settings = read_settings(config, pairs)
    with orchestrated(logs=True):
        from flows.retrain import retrain as retrain_flow

        folder = dataset.absolute() if dataset else None
        training = retrain_flow(settings, folder)
        if training is None:
            click.echo(
                "The model in use was already trained on this dataset: nothing new to learn from."
            )
        else:
            show(training)


@click.command()
@click.argument("version", type=click.IntRange(min=1))
@click.option(
    "--reason",
    default="no reason given",
    show_default=True,
    help="The reason, kept in the history.",
)
@with_settings
def promote(version: int, reason: str, config: Path | None, pairs: tuple[str, ...]) -> None:
    """Put a version into use by hand.

    The verdict of the gate is ignored.
    """
    registry = _registry(read_settings(config, pairs))
    with registry.tracker.reached("Nothing was changed; the models"):
        change = registry.promote(registry.version(version), "hand", reason, getpass.getuser())
    click.echo(_line(change, registry))


@click.command()
@click.option(
    "--reason",
    default="no reason given",
    show_default=True,
    help="The reason, kept in the history.",
)
@with_settings
def rollback(reason: str, config: Path | None, pairs: tuple[str, ...]) -> None:
    """Return to the previous version."""
    registry = _registry(read_settings(config, pairs))
    with registry.tracker.reached("Nothing was changed; the models"):
        change = registry.roll_back(reason, getpass.getuser())
    click.echo(_line(change, registry))


@click.command()
@with_settings
def history(config: Path | None, pairs: tuple[str, ...]) -> None:
    """List the versions in use over time.

    The list also has the verdict of the gate on each version.
    """
    registry = _registry(read_settings(config, pairs))
    with registry.tracker.reached("The models"):
        changes, versions = registry.history(), registry.versions()
        champion = registry.champion()
    if not versions:
        click.echo(f"{registry.name} has no versions in {registry.tracker.uri} yet.")
    for change in changes:
        click.echo(_line(change, registry))
    for version in versions:
        mark = "in use" if champion and champion.number == version.number else ""
        unjudged = "shipped with the package" if version.is_shipped else "not judged"
        click.echo(f"version {version.number:<4} {mark:<7} {version.verdict or unjudged}")


REGISTRY_COMMANDS = (retrain, promote, rollback, history)


def _registry(settings: Settings) -> Registry:
    """Return the registry of the settings."""
    from ecgmodel.store import Store
    from tasks.tracking import Registry, Tracker

    return Registry(Tracker(settings.tracking, Store(settings.store)))


def _line(change: Change, registry: Registry) -> str:
    """Format a change of the champion as a line."""
    before = f" instead of {change.former}" if change.former else ""
    return (
        f"{change.at}  {registry.name} {change.version} in use{before} "
        f"({change.how}{f', {change.by}' if change.by else ''}): "
        f"{change.reason}"
    )
