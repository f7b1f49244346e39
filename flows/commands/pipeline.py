"""The subcommands of the pipeline: all of it, or one stage."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ecgmodel.cli.parts import with_settings
from flows.commands._parts import orchestrated, read_settings, show

if TYPE_CHECKING:
    from ecgmodel.settings.config import Settings


@click.command()
@with_settings
def run(config: Path | None, pairs: tuple[str, ...]) -> None:
    """Run the whole pipeline.

    Download, resample, mix, train, evaluate, report, register, compare with the model in use.
    """
    _run(read_settings(config, pairs))


def _run(settings: Settings) -> None:
    """Run the whole pipeline, unless a receipt shows that nothing is to be done."""
    from flows import receipts

    if done := receipts.find(settings):
        click.echo(done)
        return
    from flows.first_record import fetch_first

    with orchestrated(logs=True, meanwhile=partial(fetch_first, settings)):
        from flows.pipeline import pipeline

        training = pipeline(settings)
        receipts.keep(settings, training, show(training))


@click.command()
@with_settings
def prepare(config: Path | None, pairs: tuple[str, ...]) -> None:
    """Prepare a dataset: download, resample, mix."""
    settings = read_settings(config, pairs)
    from flows.first_record import fetch_first

    with orchestrated(meanwhile=partial(fetch_first, settings)):
        from flows.prepare import prepare as prepare_flow
        from tasks.summaries import dataset_lines

        click.echo("\n".join(dataset_lines(prepare_flow(settings))))


@click.command()
@click.option(
    "--dataset",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of an existing dataset. Default: the one of the settings.",
)
@with_settings
def train(dataset: Path | None, config: Path | None, pairs: tuple[str, ...]) -> None:
    """Train, evaluate and register a network."""
    settings = read_settings(config, pairs)
    if dataset is None:
        _run(settings)
        return
    with orchestrated(logs=True):
        from flows.train import train as train_flow

        show(train_flow(settings, dataset.absolute()))


@click.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--dataset",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the dataset whose test split is used.",
)
@with_settings
def evaluate(model: Path, dataset: Path, config: Path | None, pairs: tuple[str, ...]) -> None:
    """Evaluate a .keras file on a test split."""
    settings = read_settings(config, pairs)
    with orchestrated():
        from flows.evaluate import evaluate as evaluate_flow

        click.echo(evaluate_flow(settings, model.absolute(), dataset.absolute()))


@click.command()
@click.argument("what", required=False, metavar="[STAGE|FOLDER]")
@with_settings
def explain(what: str | None, config: Path | None, pairs: tuple[str, ...]) -> None:
    """Say what a run would make again, and why.

    For all stages, one stage, or the folder of one result: which setting, input, function or
    library is another one than when it was made. Nothing is made.
    """
    settings = read_settings(config, pairs)
    from flows.explaining import explain as explain_run

    told = explain_run(settings, what)
    again = [one for one in told if one.reasons]
    for one in again:
        click.echo(f"{one.stage} {one.name}")
        for reason in one.reasons:
            click.echo(f"    {reason}")
    kept = len(told) - len(again)
    click.echo(f"{len(again)} would be made again, {kept} {'is' if kept == 1 else 'are'} kept.")


PIPELINE_COMMANDS = (run, prepare, train, evaluate, explain)
