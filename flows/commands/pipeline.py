"""The subcommands of the pipeline: everything, or one part of it."""

from __future__ import annotations

from pathlib import Path

import click

from ecgmodel.cli.parts import with_settings
from flows.commands._parts import orchestrated, read_settings, show


@click.command()
@with_settings
def run(config: Path | None, pairs: tuple[str, ...]) -> None:
    """Everything: download, resample, mix, train, evaluate, report, log."""
    settings = read_settings(config, pairs)
    with orchestrated(logs=True):
        from flows.pipeline import pipeline

        show(pipeline(settings))


@click.command()
@with_settings
def prepare(config: Path | None, pairs: tuple[str, ...]) -> None:
    """Make the dataset: download, resample and mix, without training."""
    settings = read_settings(config, pairs)
    with orchestrated():
        from flows.prepare import prepare as prepare_flow
        from tasks.summaries import dataset_lines

        click.echo("\n".join(dataset_lines(prepare_flow(settings))))


@click.command()
@click.option(
    "--dataset",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A dataset made before; without it, the one that the settings describe.",
)
@with_settings
def train(dataset: Path | None, config: Path | None, pairs: tuple[str, ...]) -> None:
    """Train, evaluate and log a network on a dataset."""
    settings = read_settings(config, pairs)
    with orchestrated(logs=True):
        from flows.pipeline import pipeline
        from flows.train import train as train_flow

        if dataset is None:
            show(pipeline(settings))
        else:
            show(train_flow(settings, dataset.absolute()))


@click.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--dataset",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The dataset whose test split to use.",
)
@with_settings
def evaluate(model: Path, dataset: Path, config: Path | None, pairs: tuple[str, ...]) -> None:
    """Measure a saved network (a .keras file) on a dataset's test split."""
    settings = read_settings(config, pairs)
    with orchestrated():
        from flows.evaluate import evaluate as evaluate_flow

        click.echo(evaluate_flow(settings, model.absolute(), dataset.absolute()))


PIPELINE_COMMANDS = (run, prepare, train, evaluate)
