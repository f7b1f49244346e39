"""The command `ecg-denoise`. Nothing heavy is imported before a subcommand does its work."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import click

from ecgmodel.cli.datasets import check, export
from ecgmodel.cli.denoise import denoise
from ecgmodel.cli.pipeline import pipeline
from ecgmodel.cli.web import web

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


_OWN = {"ecgmodel", "tasks", "flows"}

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
@click.version_option(package_name="ecg-denoiser")
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


for command in (denoise, web, *pipeline("commands"), export, check):
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
        click.echo(f"Error: {_told(error)}", err=True)
        sys.exit(1)
    if status:
        sys.exit(status)


def _told(error: Exception) -> str:
    """Return what an error that a user can mend says.

    Raises:
        Exception: It is none: a fault of the program.
    """
    from ecgmodel.errors import EcgError
    from ecgmodel.support.extras import missing

    if isinstance(error, EcgError) or (isinstance(error, OSError) and error.errno is not None):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        library = error.name.partition(".")[0]
        if library not in _OWN:
            return missing(library)
    raise error


if __name__ == "__main__":
    main()
