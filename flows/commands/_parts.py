"""Shared by the pipeline's subcommands: settings, Prefect API, output of a training."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ecgmodel.settings.config import Settings
    from flows.train import Training


def read_settings(config: Path | None, pairs: tuple[str, ...]) -> Settings:
    """Return the settings of a command, and connect it to the service that they name.

    Call it before importing Prefect or MLflow, which read their addresses once.
    """
    from ecgmodel.settings.config import Settings, load_as
    from ecgmodel.support.extras import need

    need("prefect")  # before a library of its own that nobody knows is missed
    from flows.service.servers import client_environment
    from flows.service.settings import ServedSettings

    served = load_as(ServedSettings, config, pairs)
    if "service" not in served.model_fields_set:
        return Settings.model_validate(served.model_dump(exclude={"service"}, exclude_unset=True))
    for name, value in client_environment(served.service).items():
        os.environ.setdefault(name, value)
    return Settings.model_validate(served.pipeline)


@contextmanager
def orchestrated(
    logs: bool = False, meanwhile: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Provide a Prefect API for the flows inside.

    Args:
        logs: Whether the flows log to MLflow; it is then imported while Prefect's server starts.
        meanwhile: First work, which needs no Prefect, done while Prefect's server starts.
    """
    from flows.temporary_server import start_prefect_server

    signal.signal(signal.SIGTERM, _end)
    gc.disable()  # imported modules are no garbage
    server = start_prefect_server()
    meanwhile()  # before the imports, which take seconds, and in the thread that does them
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    import_module("flows.pipeline")
    if logs:  # one import after the other: a second thread would meet half-imported modules
        from tasks.tracking import warm_up

        warm_up()
    server.wait()
    gc.enable()
    # Heartbeats serve a worker's runs; each flow would wait up to 1 s for them to end.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        try:
            yield
        except Exception:
            server.check()  # its answer, a status of 500, does not say why
            raise


def _end(number: int, _frame: FrameType | None) -> None:
    """Print one line, then end by the signal; a shell reports status 143 for SIGTERM.

    Inside a flow, Prefect handles the signal first, reports the flow's end and sends it again.
    """
    os.write(2, b"\nStopped. Run the same command to continue.\n")  # the log may be locked
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def show(training: Training) -> str:
    """Print result table, headline, paths, and how to open MLflow; return the text."""
    from ecgmodel.evaluation.headline import Headline
    from tasks.summaries import dataset_lines

    lines = [
        "",
        training.report.info["text"],
        "",
        f"Result      {Headline.from_dict(training.report.info['headline']).sentence}",
        *dataset_lines(training.dataset),
        f"Model       {training.model.file('model.keras')}",
        f"Report      {training.report.file('report.html')}",
        f"MLflow run  {training.run_id} ({training.tracker.uri})",
        f"Registered  {training.tracker.settings.model} {training.outcome}",
        f"Open it     {training.tracker.ui_command}",
    ]
    click.echo("\n".join(lines))
    return "\n".join(lines)
