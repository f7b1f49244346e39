"""The command `ecg-denoise`. Nothing heavy is imported before a subcommand does its work."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

import click

from flows.benchmark_command import benchmark
from flows.command_parts import orchestrated, read_settings, show, with_settings
from flows.denoise_command import denoise
from flows.housekeeping_commands import HOUSEKEEPING_COMMANDS
from flows.registry_commands import REGISTRY_COMMANDS
from flows.service.commands import SERVICE_COMMANDS
from flows.web.command import web

# Quiet logs and no calls home, unless the user has said otherwise.
_ENVIRONMENT = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


_READER_GONE = 141  # what a shell says of a tool that ends by SIGPIPE


class _Group(click.Group):
    """Lists the subcommands in the order in which one uses them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a subcommand, until nobody reads any more what it says (`| head`)."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left
            ctx.exit(_READER_GONE)


@click.group(cls=_Group, context_settings=_CONTEXT)
def cli() -> None:
    """Turn ECG recordings into a trained, tested and logged denoiser.

    \b
    ecg-denoise run                            everything, on simulated recordings
    ecg-denoise run --set source.kind=physionet --set 'source.clean=[mitdb]'
                                               the same on PhysioNet's
    ecg-denoise run --config mine.yaml         settings from a file
    ecg-denoise settings                       every setting, as YAML to start from

    Every stage is a file that is made only once: run the same command again and it goes on where
    it stopped, and does nothing that was done.
    """


@cli.command()
@with_settings
def run(config: Path | None, pairs: tuple[str, ...]) -> None:
    """Everything: download, resample, mix, train, evaluate, report, log."""
    settings = read_settings(config, pairs)
    with orchestrated(logs=True):
        from flows.pipeline import pipeline

        show(pipeline(settings))


@cli.command()
@with_settings
def prepare(config: Path | None, pairs: tuple[str, ...]) -> None:
    """Make the dataset: download, resample and mix, without training."""
    settings = read_settings(config, pairs)
    with orchestrated():
        from flows.prepare import prepare as prepare_flow
        from tasks.summaries import dataset_lines

        click.echo("\n".join(dataset_lines(prepare_flow(settings))))


@cli.command()
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


@cli.command()
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


@cli.command()
@click.argument("dataset", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--to", required=True, type=click.Path(path_type=Path), help="Folder to write to.")
@click.option("--split", multiple=True, help="Only this split; can come again.")
def export(dataset: Path, to: Path, split: tuple[str, ...]) -> None:
    """Write a dataset as noisy_signals.npy and clean_signals.npy (windows, samples)."""
    from ecgmodel.dataset.export import export_arrays
    from ecgmodel.dataset.splits import SPLITS

    counts = export_arrays(dataset, to, split or SPLITS)
    for name, windows in counts.items():
        click.echo(f"{name:<11} {windows:>9,} windows")
    click.echo(f"Written to {to}: noisy_signals.npy, clean_signals.npy, windows.csv")


@cli.command()
@click.argument("dataset", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--deep", is_flag=True, help="Also measure the SNR of every row.")
def check(dataset: Path, deep: bool) -> None:
    """Prove from a dataset's rows alone that nothing leaks between its splits."""
    from ecgmodel.dataset.checks import check_dataset

    found = check_dataset(dataset, deep=deep)
    for name, subjects in found["subjects"].items():
        click.echo(f"{name:<11} {found['rows'][name]:>9,} rows of {len(subjects)} subjects")
    for record, spans in found["noise"].items():
        parts = ", ".join(f"{split} {low:,} to {high:,}" for split, (low, high) in spans.items())
        click.echo(f"noise {record}: samples {parts}")
    click.echo("No subject and no noise is in two splits." + (" SNRs are exact." if deep else ""))


@cli.command("settings")
@click.option("--presets", "listed", is_flag=True, help="List the presets instead.")
@with_settings
def show_settings(listed: bool, config: Path | None, pairs: tuple[str, ...]) -> None:
    """Print every setting as YAML, with preset, file and pairs applied."""
    import yaml

    from ecgmodel import presets
    from ecgmodel.preflight import check_places

    if listed:
        for name, line in presets.described().items():
            click.echo(f"{name:<10}{line}")
        return
    settings = read_settings(config, pairs)
    check_places(settings)
    tree = settings.model_dump(mode="json")
    click.echo(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).rstrip())


_USED = (denoise, web, benchmark)
for command in (*_USED, *REGISTRY_COMMANDS, *SERVICE_COMMANDS, *HOUSEKEEPING_COMMANDS):
    cli.add_command(command)


def main() -> None:
    """Run the command; errors that a user can mend are printed without a traceback."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    try:
        status = cli.main(standalone_mode=False)  # what a command has exited with
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped. The same command goes on from here.", err=True)
        sys.exit(130)
    except Exception as error:
        if not _is_mendable(error):
            raise
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    if status:
        sys.exit(status)


def _is_mendable(error: Exception) -> bool:
    """Return whether an error says by itself what went wrong and what to do."""
    from ecgmodel.errors import EcgError

    if isinstance(error, EcgError):
        return True
    return isinstance(error, OSError) and error.errno is not None


if __name__ == "__main__":
    main()
