"""The subcommand that measures all methods by a protocol."""

from __future__ import annotations

from pathlib import Path

import click

from ecgmodel.cli.parts import with_settings
from flows.commands._parts import orchestrated, read_settings


@click.command()
@click.argument("protocol")
@click.option("--quick", is_flag=True, help="Few records, about a minute; no result to quote.")
@click.option("--retrain", is_flag=True, help="Train the networks again: hours on two cores.")
@click.option("--keep", is_flag=True, help="With --retrain: put the networks into trained/.")
@click.option("--model", "models", multiple=True, help="Only this network. Can come again.")
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
    """Measure every method by a protocol (qt-bw), beside what was published."""
    from ecgmodel import protocols

    protocols.check(protocol)
    settings = read_settings(config, pairs)
    with orchestrated(logs=True):
        from flows.benchmark import benchmark as benchmark_flow

        done = benchmark_flow(protocol, quick, retrain, keep, models, settings=settings)
    click.echo(f"\n{done.page.info['text']}\n")
    if quick:
        click.echo("Quick: few records; the numbers are not those of the benchmark.")
    click.echo(f"Page        {done.page.file('benchmark.html')}")
    click.echo(f"MLflow run  {done.run_id} ({done.tracker.uri})")
