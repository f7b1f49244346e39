"""Deploys `prefect.yaml` with the schedules and the work pool of the settings."""

from __future__ import annotations

import difflib
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ecgmodel.errors import SettingsError
from ecgmodel.store import write_text
from flows.service.servers import PROJECT, ServiceError, client_environment, prefect_client
from flows.service.settings import SETTINGS_FILE, ServedSettings

LIMIT_S = 120


def deploy(settings: ServedSettings, environment: Mapping[str, str]) -> list[str]:
    """Create the work pool and the deployments, and return their names.

    Args:
        settings: All settings.
        environment: Environment variables of this process.

    Raises:
        ServiceError: A Prefect command failed.
    """
    service = settings.service
    declared = render(yaml.safe_load((PROJECT / "flows/prefect.yaml").read_text()), settings)
    file = service.root / "prefect.yaml"
    file.write_text(yaml.safe_dump(declared, sort_keys=False, allow_unicode=True))
    variables = {**environment, **client_environment(service)}
    # Parameters of a run override these.
    own = yaml.safe_dump(settings.pipeline, sort_keys=False, allow_unicode=True)
    write_text(Path(variables[SETTINGS_FILE]), own)
    _make_pool(service.work_pool, variables)
    _prefect(("--no-prompt", "deploy", "--all", "--prefect-file", str(file)), variables)
    _forget_schedules(declared["deployments"], variables)
    return [str(deployment["name"]) for deployment in declared["deployments"]]


def render(declared: dict[str, Any], settings: ServedSettings) -> dict[str, Any]:
    """Return the declared deployments with the settings applied.

    Raises:
        SettingsError: A schedule names an unknown deployment.
    """
    service = settings.service
    names = [str(deployment["name"]) for deployment in declared["deployments"]]
    for name in service.schedules:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=3, cutoff=0.3) or names
            raise SettingsError(
                f"service.schedules: there is no deployment {name!r}. Nearest: {', '.join(near)}."
            )
    pull = [{"prefect.deployments.steps.set_working_directory": {"directory": str(PROJECT)}}]
    deployments = [_deployment(one, settings) for one in declared["deployments"]]
    return {**declared, "pull": pull, "definitions": {}, "deployments": deployments}


def _deployment(declared: Mapping[str, Any], settings: ServedSettings) -> dict[str, Any]:
    service = settings.service
    name = str(declared["name"])
    made = dict(declared)
    own = declared.get("work_pool", {}).get("job_variables", {}).get("env", {})
    made["work_pool"] = {
        "name": service.work_pool,
        "job_variables": {"env": {**_visible(client_environment(service)), **own}},
    }
    schedules = list(declared.get("schedules", ()))
    if name in service.schedules:
        cron = service.schedules[name]
        slug = schedules[0]["slug"] if schedules else "set"
        schedules = [{"slug": slug, "active": cron is not None, "cron": cron or "0 0 1 1 *"}]
    made["schedules"] = [_timed(schedule, service.timezone) for schedule in schedules]
    return made


def _timed(schedule: Mapping[str, Any], timezone: str) -> dict[str, Any]:
    """Return a schedule in a time zone, named by its times.

    Prefect keeps the creation time of a schedule by its name: changed times make a new schedule,
    which has not missed any run yet.
    """
    when = f"{schedule['cron']} {timezone}" if schedule["active"] else "off"
    return {**schedule, "timezone": timezone, "slug": f"{schedule['slug']}: {when}"}


def _forget_schedules(declared: Iterable[Mapping[str, Any]], variables: Mapping[str, str]) -> None:
    """Delete schedules that are no longer declared, which Prefect would keep."""
    kept = {str(one["name"]): {s["slug"] for s in one["schedules"]} for one in declared}
    with prefect_client(variables) as client:
        for deployment in client.read_deployments():
            for schedule in deployment.schedules:
                if schedule.slug not in kept.get(deployment.name, {schedule.slug}):
                    client.delete_deployment_schedule(deployment.id, schedule.id)


def _make_pool(name: str, variables: Mapping[str, str]) -> None:
    """Create or update the work pool.

    Raises:
        ServiceError: Prefect refused.
    """
    from httpx import HTTPError
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    pool = WorkPoolCreate(name=name, type="process", base_job_template=template)
    try:
        with prefect_client(variables) as client:
            client.create_work_pool(pool, overwrite=True)
    except HTTPError as error:
        raise ServiceError(f"Prefect did not create the work pool {name!r}: {error}") from error


def _visible(environment: Mapping[str, str]) -> dict[str, str]:
    """Return variables without passwords, which the worker passes on itself."""
    return {n: v for n, v in environment.items() if "PASSWORD" not in n and "AUTH" not in n}


def _prefect(arguments: tuple[str, ...], environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", *arguments],
        cwd=Path(PROJECT),
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    if done.returncode:
        said = (done.stdout + done.stderr)[-2000:]
        raise ServiceError(f"`prefect {' '.join(arguments)}` failed:\n{said}")
