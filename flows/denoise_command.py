"""The subcommand that cleans recordings."""

from __future__ import annotations

from pathlib import Path

import click

from flows.command_parts import orchestrated, read_settings, with_settings


@click.command()
@click.argument("recordings", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write to.")
@click.option(
    "--model",
    default="models:/ecg-denoiser@champion",
    show_default=True,
    help="A registered model, `default` for the shipped one, or a .keras file.",
)
@with_settings
def denoise(
    recordings: Path, out: Path, model: str, config: Path | None, pairs: tuple[str, ...]
) -> None:
    """Clean a folder of WFDB records, and see whether they differ from those of the training."""
    settings = read_settings(config, pairs)
    with orchestrated(logs=True):
        from flows.denoise import denoise as denoise_flow

        result = denoise_flow(settings, recordings.absolute(), out.absolute(), model)
    click.echo(f"Cleaned     {len(result.headers)} records with {result.model} into {out}")
    for failed in result.failed:
        click.echo(f"            left out {failed['record']}: {failed['reason']}")
    click.echo(f"Drift       {result.drift.sentence}")
