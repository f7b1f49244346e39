"""Additions to `ecg-denoise denoise` and `web`: registered networks, and the Prefect flow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.commands._parts import orchestrated, read_settings

if TYPE_CHECKING:
    from ecgmodel.denoise.files import CleaningOptions
    from ecgmodel.denoise.network_file import NetworkFile


def find_model(address: str, config: Path | None, pairs: tuple[str, ...]) -> NetworkFile:
    """Return the network of a registered model or of a `.keras` file."""
    settings = read_settings(config, pairs)
    from ecgmodel.store import Store
    from tasks.models import find_model as find

    return find(address, settings, Store(settings.store))


def denoise_as_flow(
    recordings: tuple[Path, ...],
    out: Path,
    model: str,
    options: CleaningOptions,
    summary: bool,
    config: Path | None,
    pairs: tuple[str, ...],
) -> tuple[int, int]:
    """Clean as a Prefect flow; return the numbers of cleaned and of failed recordings."""
    settings, paths = read_settings(config, pairs), [path.absolute() for path in recordings]
    with orchestrated(logs=True):
        from flows.denoise import denoise as denoise_flow

        result = denoise_flow(paths, out.absolute(), model, options, summary, settings=settings)
    click.echo(f"Cleaned     {len(result.files)} recordings with {result.model} into {out}")
    for failed in result.failed:
        click.echo(f"            not cleaned: {failed['record']}: {failed['reason']}")
    click.echo(f"Drift       {result.drift.sentence}")
    return len(result.files), len(result.failed)
