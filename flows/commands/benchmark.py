"""The subcommand `benchmark`."""

from __future__ import annotations

from pathlib import Path

import click

from ecgmodel.cli.parts import with_settings
from flows.commands._parts import orchestrated, read_settings


@click.command()
@click.argument("protocol")
@click.option("--quick", is_flag=True, help="A few records, about a minute; not a result to quote.")
@click.option(
    "--retrain", is_flag=True, help="Train the protocol's networks again (hours on two cores)."
)
@click.option("--keep", is_flag=True, help="With --retrain: save the networks in trained/.")
@click.option("--model", "models", multiple=True, help="Measure only this network. Repeatable.")
@with_settings
def benchmark(
    protocol: str,
    quick: bool,
    retrain: bool,
    keep: bool,
    models: tuple[str, ...],
    config: Path | None,
    pairs: tuple[str, ...],
) -> None:
    """Measure all methods on a benchmark.

    The report compares them with published results.
    """
    from ecgmodel import protocols
    from ecgmodel.models.trained import FOLDER
    from ecgmodel.support.paths import ROOT

    protocols.check(protocol)
    settings = read_settings(config, pairs)
    with orchestrated(logs=True):
        from flows.benchmark import benchmark as benchmark_flow

        done = benchmark_flow(protocol, quick, retrain, keep, models, settings=settings)
    click.echo(f"\n{done.page.info['text']}\n")
    if quick:
        click.echo("Quick: a few records only; these numbers are not the benchmark's.")
    if not (ROOT / FOLDER).is_dir():
        click.echo(
            f"The re-trained baselines are in the folder {FOLDER} of a checkout and not in the "
            "installed package. Only filters and shipped networks were measured.",
        )
    click.echo(f"Page        {done.page.file('benchmark.html')}")
    click.echo(f"MLflow run  {done.run_id} ({done.tracker.uri})")
