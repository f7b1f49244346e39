"""The command `ecg-denoise`. Heavy packages are imported only by the subcommands."""

from __future__ import annotations

import io
import logging
import os
import sys
from typing import Any

import click

from ecgmodel.cli.datasets import check, export
from ecgmodel.cli.denoise import denoise
from ecgmodel.cli.pipeline import pipeline
from ecgmodel.cli.telling import told
from ecgmodel.cli.web import web
from ecgmodel.support.telemetry import switch_off as switch_off_telemetry

# Quiet logs, unless the user sets the variables otherwise.
_ENVIRONMENT = {
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


_READER_GONE = 141  # a shell's status for SIGPIPE


class _Group(click.Group):
    """Lists the subcommands in order of use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a subcommand; stop if the output pipe was closed (`| head`)."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(
                os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
            )  # for the remaining output
            ctx.exit(_READER_GONE)


@click.group(cls=_Group, context_settings=_CONTEXT)
@click.version_option(package_name="ecg-denoiser")
def cli() -> None:
    """Denoise ECG recordings, and train denoisers.

    \b
    ecg-denoise denoise holter.edf --out cleaned   clean a recording
    ecg-denoise web                                the same in the browser
    ecg-denoise run                                train a denoiser on simulated recordings
    ecg-denoise run --set source.kind=physionet --set 'source.clean=[mitdb]'
                                                   train on recordings from PhysioNet
    ecg-denoise settings                           all settings as YAML

    Results of each stage are stored: after an interruption, the same command continues where it
    stopped and repeats nothing.
    """


for command in (denoise, web, *pipeline("commands"), export, check):
    cli.add_command(command)


def main() -> None:
    """Run the command; errors that a user can fix are printed without a traceback."""
    switch_off_telemetry()
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names that a terminal cannot show are no error
            stream.reconfigure(errors="backslashreplace")
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    try:
        status = cli.main(standalone_mode=False)  # the status of the command
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped. Run the same command to continue.", err=True)
        sys.exit(130)
    except Exception as error:
        click.echo(f"Error: {told(error)}", err=True)
        sys.exit(1)
    if status:
        sys.exit(status)


if __name__ == "__main__":
    main()
