"""A service of a test's own: free ports, a state folder, small settings, stopped at the end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import CronSchedule
from prefect.client.schemas.sorting import FlowRunSort

from ecgmodel.store.versions import ROOT
from tests.flows.small import SMALL, until


def free_ports(count: int) -> list[int]:
    """Return ports that nobody uses now."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Service:
    """`ecg-denoise up` and its sisters, in a folder.

    Args:
        folder: For state and settings.
        password: Of both servers; None needs none.
        service: Settings of the service.
    """

    def __init__(self, folder: Path, password: str | None = None, **service: Any) -> None:
        self.password = password
        self.prefect_port, self.mlflow_port = free_ports(2)
        self.state = folder / "state"
        self.file = folder / "ecg.yaml"
        ports = {"prefect_port": self.prefect_port, "mlflow_port": self.mlflow_port}
        brief = {"sweep_s": 3.0, "start_timeout_s": 600.0}
        own = {"state": str(self.state), **brief, **ports, **service}
        # Retrainings start from random weights: there is no champion of the small network's kind.
        tree = {"preset": "quick", **SMALL, "service": own}
        self.file.write_text(yaml.safe_dump(tree))

    @property
    def mlflow_url(self) -> str:
        """Address of the MLflow server."""
        return f"http://127.0.0.1:{self.mlflow_port}"

    def command(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `ecg-denoise ARGUMENTS --config FILE`."""
        inherited = {n: v for n, v in os.environ.items() if not n.startswith(("PREFECT", "ECG_"))}
        return subprocess.run(
            [sys.executable, "-m", "ecgmodel.cli.main", *arguments, "--config", str(self.file)],
            cwd=ROOT,
            env={**inherited, **self._login, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=900,
        )

    def client(self) -> SyncPrefectClient:
        """Return a client of its Prefect server."""
        login = f"ecg:{self.password}" if self.password else None
        url = f"http://127.0.0.1:{self.prefect_port}/api"
        return SyncPrefectClient(url, auth_string=login)

    @property
    def _login(self) -> dict[str, str]:
        return {"ECG_PASSWORD": self.password} if self.password else {}

    def deploy(self, flow: Any, source: Path, cron: str | None = None, **parameters: Any) -> str:
        """Deploy a flow of a file on the service's worker, and return its deployment's name."""
        schedules = [DeploymentScheduleCreate(schedule=CronSchedule(cron=cron))] if cron else None
        with self.client() as client:
            client.create_deployment(
                client.create_flow(flow),
                flow.name,
                schedules=schedules,
                parameters=parameters,
                work_pool_name="ecg",
                path=str(ROOT),
                entrypoint=f"{source}:{flow.name}",
                pull_steps=[
                    {"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}
                ],
            )
        return f"{flow.name}/{flow.name}"

    def process_of(self, run: FlowRun) -> psutil.Process:
        """Return the process that works on a run, once there is one."""
        found: list[psutil.Process] = []

        def looked() -> bool:
            found[:] = [p for p in self.processes() if _works_on(p, str(run.id))]
            return bool(found)

        self.until(looked, "a process of the run")
        return found[0]

    def pid(self, name: str) -> int:
        """Return the id of one of its processes."""
        return int(yaml.safe_load((self.state / "service.json").read_text())[name]["pid"])

    def processes(self) -> list[psutil.Process]:
        """Return the processes that belong to it: they name its folder or one of its ports."""
        marks = (str(self.state), f"--port {self.prefect_port}", f"--port {self.mlflow_port}")
        found = []
        for process in psutil.process_iter():
            try:
                line = " ".join(process.cmdline())
                store = process.environ().get("ECG_STORE", "")
                ours = any(mark in line for mark in marks) or store.startswith(str(self.state))
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def start(self, deployment: str, **parameters: Any) -> FlowRun:
        """Start a run of a deployment, e.g. "prepare/prepare"."""
        with self.client() as client:
            found = client.read_deployment_by_name(deployment)
            kept = {**found.parameters, **parameters}
            return client.create_flow_run_from_deployment(found.id, parameters=kept)

    def runs(self, flow: str) -> list[FlowRun]:
        """Return the runs of a flow that are no part of another run, the oldest first."""
        with self.client() as client:
            flows = {f.id: f.name for f in client.read_flows()}
            runs = client.read_flow_runs(sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=200)
        started = [r for r in runs if r.parent_task_run_id is None and not r.auto_scheduled]
        return [run for run in started if flows[run.flow_id] == flow]

    def run(self, one: FlowRun) -> FlowRun:
        """Return a run as it is now."""
        with self.client() as client:
            return client.read_flow_run(one.id)

    def until(self, holds: Callable[[], Any], what: str, timeout_s: float = 600) -> None:
        """Wait until something holds; what the logs say is part of the error."""
        try:
            until(holds, timeout_s, what, every_s=0.5)
        except TimeoutError as error:
            tails = [log.read_text()[-3000:] for log in (self.state / "logs").glob("*.log")]
            raise AssertionError("\n".join([str(error), *tails])) from error


def _works_on(process: psutil.Process, run: str) -> bool:
    try:
        return process.environ().get("PREFECT__FLOW_RUN_ID") == run
    except psutil.Error:
        return False


@contextmanager
def running(folder: Path, password: str | None = None, **service: Any) -> Iterator[Service]:
    """Yield a service that is up, and stop it."""
    with up(Service(folder, password, **service)) as made:
        yield made


@contextmanager
def up(made: Service) -> Iterator[Service]:
    """Start a service, and stop it in the end."""
    try:
        said = made.command("up", "--detach")
        assert said.returncode == 0, said.stdout + said.stderr
        yield made
    finally:
        made.command("down")
        for process in made.processes():
            process.kill()
