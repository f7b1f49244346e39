"""What the pipeline's subcommands share: settings, a Prefect API, how a training is shown."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ecgmodel.settings.config import Settings
    from flows.train import Training


def read_settings(config: Path | None, pairs: tuple[str, ...]) -> Settings:
    """Return the settings of a command; those of a service make it speak with that service.

    Call it before anything imports Prefect or MLflow, which read their addresses once.
    """
    from ecgmodel.settings.config import Settings, load_as
    from flows.service.servers import client_environment
    from flows.service.settings import ServedSettings

    served = load_as(ServedSettings, config, pairs)
    if "service" not in served.model_fields_set:
        return Settings.model_validate(served.model_dump(exclude={"service"}, exclude_unset=True))
    for name, value in client_environment(served.service).items():
        os.environ.setdefault(name, value)
    return Settings.model_validate(served.pipeline)


@contextmanager
def orchestrated(logs: bool = False) -> Iterator[None]:
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


def show(training: Training) -> None:
    """Print the result table, the headline, where everything lies, and how to open the UI."""
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
