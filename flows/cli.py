"""The command `ecg-denoise`. Nothing heavy is imported before a subcommand does its work."""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ecgmodel.config import Settings
    from flows.train import Training

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


class _Group(click.Group):
    """Lists the subcommands in the order in which one uses them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


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


def _with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --config and --set."""
    pairs = click.option(
        "--set",
        "pairs",
        multiple=True,
        metavar="A.B=C",
        help="One setting, e.g. mix.copies=3 or 'source.clean=[mitdb,qtdb]'. Can come again.",
    )
    config = click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE.yaml",
        help="Settings; see `ecg-denoise settings`. --set comes on top.",
    )
    return config(pairs(command))


@cli.command()
@_with_settings
def run(config: Path | None, pairs: tuple[str, ...]) -> None:
    """Everything: download, resample, mix, train, evaluate, report, log."""
    settings = _settings(config, pairs)
    with _orchestrated(logs=True):
        from flows.pipeline import pipeline

        _show(pipeline(settings), settings)


@cli.command()
@_with_settings
def prepare(config: Path | None, pairs: tuple[str, ...]) -> None:
    """Make the dataset: download, resample and mix, without training."""
    settings = _settings(config, pairs)
    with _orchestrated():
        from flows.prepare import prepare as prepare_flow
        from tasks.summaries import dataset_lines

        click.echo("\n".join(dataset_lines(prepare_flow(settings))))


@cli.command()
@click.option(
    "--dataset",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A dataset made before; without it, the one that the settings describe.",
)
@_with_settings
def train(dataset: Path | None, config: Path | None, pairs: tuple[str, ...]) -> None:
    """Train, evaluate and log a network on a dataset."""
    settings = _settings(config, pairs)
    with _orchestrated(logs=True):
        from flows.pipeline import pipeline
        from flows.train import train as train_flow

        if dataset is None:
            _show(pipeline(settings), settings)
        else:
            _show(train_flow(settings, dataset.absolute()), settings)


@cli.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--dataset",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The dataset whose test split to use.",
)
@_with_settings
def evaluate(model: Path, dataset: Path, config: Path | None, pairs: tuple[str, ...]) -> None:
    """Measure a saved network (a .keras file) on a dataset's test split."""
    settings = _settings(config, pairs)
    with _orchestrated():
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
    """Prove from a dataset's shards alone that nothing leaks between its splits."""
    from ecgmodel.dataset.checks import check_dataset

    found = check_dataset(dataset, deep=deep)
    for name, subjects in found["subjects"].items():
        click.echo(f"{name:<11} {found['rows'][name]:>9,} rows of {len(subjects)} subjects")
    for record, spans in found["noise"].items():
        parts = ", ".join(f"{split} {low:,} to {high:,}" for split, (low, high) in spans.items())
        click.echo(f"noise {record}: samples {parts}")
    click.echo("No subject and no noise is in two splits." + (" SNRs are exact." if deep else ""))


@cli.command("settings")
@_with_settings
def show_settings(config: Path | None, pairs: tuple[str, ...]) -> None:
    """Print every setting as YAML, with the file and the pairs applied."""
    import yaml

    tree = _settings(config, pairs).model_dump(mode="json")
    click.echo(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).rstrip())


def main() -> None:
    """Run the command; errors that a user can mend are printed without a traceback."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped. The same command goes on from here.", err=True)
        sys.exit(130)
    except Exception as error:
        if not _is_mendable(error):
            raise
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)


def _is_mendable(error: Exception) -> bool:
    """Return whether an error says by itself what went wrong and what to do."""
    from ecgmodel.errors import EcgError

    if isinstance(error, EcgError):
        return True
    return isinstance(error, OSError) and error.errno is not None


def _settings(config: Path | None, pairs: tuple[str, ...]) -> Settings:
    from ecgmodel.config import load_settings

    return load_settings(config, pairs)


@contextmanager
def _orchestrated(logs: bool = False) -> Iterator[None]:
    """See that there is a Prefect API for the flows inside.

    Args:
        logs: Whether the flows log to MLflow, which takes seconds to import: it comes in while
            Prefect's server starts on another processor.
    """
    from flows.temporary_server import start_prefect_server

    gc.disable()  # nothing that is imported now is garbage
    wait = start_prefect_server()
    if logs:
        from tasks.tracking import warm_up

        threading.Thread(target=warm_up, daemon=True).start()
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    import_module("flows.pipeline")
    wait()
    gc.enable()
    # Heartbeats are for a worker's runs; each flow would wait up to 1 s for their end.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


def _show(training: Training, settings: Settings) -> None:
    """Print the result table, where everything lies, and how to open the UI."""
    from tasks.summaries import dataset_lines

    lines = [
        "",
        training.report.info["text"],
        "",
        *dataset_lines(training.dataset),
        f"Model       {training.model.file('model.keras')}",
        f"Report      {training.report.file('report.html')}",
        f"MLflow run  {training.run_id} ({training.tracker.uri})",
        f"Open it     {training.tracker.ui_command}",
    ]
    click.echo("\n".join(lines))


if __name__ == "__main__":
    main()
