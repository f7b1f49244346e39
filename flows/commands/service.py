"""Subcommands `up`, `down` and `status`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ecgmodel.cli.parts import with_settings

if TYPE_CHECKING:
    from flows.service.settings import ServedSettings

NOT_RUNNING = 3
PATIENCE_S = 90.0  # the supervisor stops three processes, one after the other


@click.command()
@click.option(
    "--detach", is_flag=True, help="Return as soon as everything answers; `down` stops it."
)
@with_settings
def up(detach: bool, config: Path | None, pairs: tuple[str, ...]) -> None:
    """Start Prefect, MLflow and a worker.

    Also creates the deployments with their schedules.
    """
    settings = _served(config, pairs)
    if _addresses(settings):
        return
    if detach:
        _start_detached(settings, config, pairs)
        return
    from flows.service.supervisor import Supervisor
    from flows.service.whereabouts import Whereabouts

    here = Whereabouts(str(settings.service.root), str(config.absolute()) if config else "", pairs)
    here.write()
    try:
        Supervisor(settings, click.echo).run()
    finally:
        if not here.runs:
            here.forget()
    click.echo("Stopped.")


@click.command()
@with_settings
def down(config: Path | None, pairs: tuple[str, ...]) -> None:
    """Stop the service.

    Running flows continue with the next `up`.
    """
    import psutil

    from flows.service.processes import recall, stop
    from flows.service.supervisor import SUPERVISOR
    from flows.service.whereabouts import KNOWN, Whereabouts, running_service

    # Only the folder is needed: an invalid settings file must not prevent stopping a service.
    given = config or pairs
    root = _served(config, pairs).service.root if given else Path(running_service().state)
    file = root / KNOWN
    known = recall(file)
    supervisor = known.pop(SUPERVISOR, None)
    process = supervisor.process if supervisor else None
    if process:
        process.terminate()
        gone, _ = psutil.wait_procs([process], timeout=PATIENCE_S)
        if not gone:
            process.kill()
    stop(known.values())  # left by a killed supervisor
    file.unlink(missing_ok=True)
    Whereabouts(str(root)).forget()
    click.echo("Stopped." if known or process else "The service was not running.")


@click.command()
@with_settings
def status(config: Path | None, pairs: tuple[str, ...]) -> None:
    """Show the service and the model in use.

    Servers, worker, deployments with the next run, recent runs, model.
    """
    from flows.service.status import status_lines
    from flows.service.whereabouts import running_service

    settings = _served(config, pairs) if config or pairs else running_service().settings()
    lines, runs = status_lines(settings)
    click.echo("\n".join(lines))
    if not runs:
        sys.exit(NOT_RUNNING)


SERVICE_COMMANDS = (up, down, status)


def _served(config: Path | None, pairs: tuple[str, ...]) -> ServedSettings:
    from ecgmodel.settings.config import load_as
    from flows.service.settings import ServedSettings

    return load_as(ServedSettings, config, pairs)


def _addresses(settings: ServedSettings) -> bool:
    """Print the addresses of a running service, and return whether it runs."""
    from flows.service.processes import recall
    from flows.service.supervisor import SUPERVISOR

    service = settings.service
    supervisor = recall(service.root / "service.json").get(SUPERVISOR)
    if supervisor is None or supervisor.process is None:
        return False
    click.echo(
        "The service is already running.\n"
        f"Prefect  {service.prefect_url}\nMLflow   {service.mlflow_page}"
    )
    return True


def _start_detached(settings: ServedSettings, config: Path | None, pairs: tuple[str, ...]) -> None:
    """Start the supervisor in the background, and wait until everything answers."""
    from flows.service.servers import PROJECT, ServiceError

    log = settings.service.root / "logs" / "supervisor.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    arguments = ["--config", str(config.absolute())] if config else []
    for pair in (*pairs, f"service.state={settings.service.root}"):
        arguments += ["--set", pair]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ecgmodel.cli.main", "up", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    while process.poll() is None and "Deployed" not in log.read_text(errors="replace"):
        time.sleep(0.2)
    said = log.read_text(errors="replace").strip()
    if process.poll() is not None:
        raise ServiceError(f"The service did not start. {said[-2500:]}")
    click.echo(said + "\nShow it: `ecg-denoise status`. Stop it: `ecg-denoise down`.")
