"""Both servers on a real PostgreSQL, which the test starts and stops."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecgmodel.settings.config import TrackingSettings
from ecgmodel.store import Store
from tasks.tracking import Registry, Tracker
from tests.flows.service.running import free_ports, running

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
USER = "postgres"


@pytest.fixture
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a new PostgreSQL server on loopback, without a database's name."""
    if not BINARIES:
        pytest.skip("no PostgreSQL: /usr/lib/postgresql is not there (Debian: postgresql)")
    as_root = os.geteuid() == 0  # it refuses to run as root
    become = ["runuser", "-u", USER, "--"] if as_root else []
    folder = tmp_path_factory.mktemp("postgresql")
    data, (port,) = folder / "data", free_ports(1)
    if as_root:
        for parent in (folder, *folder.parents[:2]):
            parent.chmod(0o755)
        shutil.chown(folder, USER)

    def run(name: str, *arguments: str) -> None:
        command = [*become, str(BINARIES[-1] / name), *arguments]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=120)

    run("initdb", "-D", str(data), "-U", USER, "-A", "trust")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    run("pg_ctl", "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        for name in ("prefect", "mlflow"):
            run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", USER, name)
        yield f"postgresql://{USER}@127.0.0.1:{port}"
    finally:
        run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")


@pytest.mark.slow
def test_both_servers_work_on_postgresql(postgresql: str, tmp_path: Path) -> None:
    databases = {f"{name}_database": f"{postgresql}/{name}" for name in ("prefect", "mlflow")}
    with running(tmp_path, **databases) as service:
        run = service.start("retrain/train")

        def is_done() -> bool:
            state = service.run(run).state
            return bool(state and state.is_completed())

        service.until(is_done, "a training")
        store = Store(service.state / "store")
        registry = Registry(Tracker(TrackingSettings(uri=service.mlflow_url), store))
        assert [version.number for version in registry.versions()] == [1]
        assert not list(service.state.rglob("*.db"))
