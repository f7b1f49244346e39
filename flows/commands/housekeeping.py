"""The subcommand `gc`."""

from __future__ import annotations

from pathlib import Path

import click

from ecgmodel.cli.parts import with_settings
from flows.commands._parts import read_settings


@click.command()
@click.option("--delete", is_flag=True, help="Delete the files; without it they are only listed.")
@click.option(
    "--keep-datasets",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Number of newest datasets of each name to keep although no model needs them.",
)
@click.option(
    "--unfinished-days",
    type=click.FloatRange(min=0),
    default=7.0,
    show_default=True,
    help="Keep unfinished work that is younger; the same command may resume it.",
)
@with_settings
def gc(
    delete: bool,
    keep_datasets: int,
    unfinished_days: float,
    config: Path | None,
    pairs: tuple[str, ...],
) -> None:
    """List or delete unused results.

    Unused are stored results that no kept dataset, registered model or logged run needs.
    """
    settings = read_settings(config, pairs)
    from ecgmodel.store import Store
    from ecgmodel.store.garbage import Leftover, find_leftovers, remove
    from tasks.tracking import Registry, Tracker

    store = Store(settings.store)
    tracker = Tracker(settings.tracking, store)

    def find() -> list[Leftover]:
        with tracker.reached("Nothing was deleted; the store's files"):
            trainings = [*tracker.trainings(), *(v.training for v in Registry(tracker).versions())]
        return find_leftovers(store, trainings, keep_datasets, unfinished_days)

    leftovers = remove(store, find) if delete else find()
    for leftover in leftovers:
        where = leftover.path.relative_to(store.root)
        click.echo(f"{leftover.size / 1e6:>10,.1f} MB  {where}: {leftover.reason}")
    total = sum(leftover.size for leftover in leftovers) / 1e6
    done = "freed." if delete else "can be freed with --delete."
    click.echo(f"{total:>10,.1f} MB {done}")


HOUSEKEEPING_COMMANDS = (gc,)
