"""Flows that take seconds: small settings, copies of a store, and counts of what really ran."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from filelock import FileLock

from ecgmodel.settings.config import Settings
from ecgmodel.store import Store, Stored, Unit
from ecgmodel.store.versions import ROOT
from tests.tiny_wfdb import publish

if TYPE_CHECKING:
    from flows.train import Training

# sim02 and sim06 test, sim04 validates, the rest trains.
SMALL: dict[str, Any] = {
    "source": {
        "simulated": {"subjects": 6, "minutes": 0.5, "noise_minutes": 1.5},
        "retry_wait_s": 0.05,
    },
    "resample": {"length": 10_000},
    "mix": {
        "window": 512,
        "test": {
            **{"types": ["bw", "ma"], "snr_db": [0, 6]},
            **{"segment_s": 8, "segments_per_lead": 2},
        },
        "train": {"types": {"bw": 1, "ma": 1}, "snr_db": [0, 6], "on_top": {}},
    },
    "network": {"architecture": "conv_autoencoder", "options": {"filters": [8, 4]}},
    "training": {
        **{"epochs": 2, "batch_size": 32, "loss": "mse", "schedule": "plateau"},
        **{"warmup_epochs": 0, "augmentation": None},
    },
    "evaluation": {"baselines": ["butterworth"], "bootstrap": 20},
    # The first trained network is a first version, judged against no filter.
    "gate": {"first_champion": None},
}
RECORDS = tuple(f"simulated/sim{n:02d}" for n in range(1, 7))
NOISE = ("simnoise/bw", "simnoise/ma")
PUBLISH = "dataset simulated"
FIT, MEASURE = "train conv_autoencoder simulated", "evaluate model simulated"
BASELINES = ("evaluate none simulated", "evaluate butterworth simulated")
REPORT = "report conv_autoencoder simulated"
EXPORT = "export model"
VERDICT = "verdict version 1"
LOSS = "loss"
# Of a `Command`: at which call of which function it is to be killed.
KILLED_AT = "ECG_TEST_KILLED_AT"


def units(stage: str, *names: str) -> set[str]:
    """Return units as the counts name them: "stage name"."""
    return {f"{stage} {name}" for name in names}


PREPARED = (
    units("download", *RECORDS, *NOISE)
    | units("resample", *RECORDS, *NOISE)
    | units("mix", *RECORDS)
    | {PUBLISH}
)
TRAINED = {FIT, MEASURE, "evaluate shipped simulated", REPORT, EXPORT, *BASELINES, VERDICT}


def small(store: Path, *changes: Mapping[str, Any]) -> Settings:
    """Return settings for a run of seconds, with changes laid over them, group by group."""
    tree: dict[str, Any] = {"store": store}
    for layer in (SMALL, *changes):
        tree = _merged(tree, layer)
    return Settings.model_validate(tree)


@cache
def first_run(folder: Path) -> tuple[Settings, Training]:
    """Run the pipeline in a new store, and return its settings and result.

    Of the workers that share a folder the first one works. The others run the same and find it
    done, so that each one's own Prefect server knows of it too.
    """
    from flows.pipeline import pipeline

    settings = small(folder / "first" / "store")
    done = folder / "first" / "done"
    with FileLock(folder / "first.lock"):
        with counted() as made:
            result = pipeline(settings)
        assert sorted(made) == ([] if done.exists() else sorted(PREPARED | TRAINED))
        if not done.exists():
            copy_store(settings.store, kept(settings))
        done.touch()
    return settings, result


def kept(first: Settings) -> Path:
    """Return the first run's store as it was in the end; nobody writes to it while it is copied."""
    return first.store.with_name("kept")


def _merged(tree: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(tree)
    for name, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = _merged(merged[name], value) if both else value
    return merged


@contextmanager
def counted(into: Callable[[str], None] | None = None) -> Iterator[list[str]]:
    """Collect the units whose work is really done meanwhile, as "stage name".

    Args:
        into: Told of each one at its start.
    """
    made: list[str] = []
    original = Store.make

    def make(self: Store, unit: Unit, build: Any, *how: Any) -> Stored:
        def counting(folder: Path) -> Any:
            made.append(f"{unit.stage} {unit.name}")
            if into:
                into(made[-1])
            return build(folder)

        return original(self, unit, counting, *how)

    Store.make = make  # type: ignore[method-assign]
    try:
        yield made
    finally:
        Store.make = original  # type: ignore[method-assign]


def copy_store(source: Path, target: Path) -> Path:
    """Copy a store as it is: times of change, and files that are one file under two names."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
    return target


def move_artifacts(store: Path) -> None:
    """Let MLflow's database of a copied store name the copy's artifacts, not the original's."""
    columns = {
        "experiments": "artifact_location",
        "runs": "artifact_uri",
        "logged_models": "artifact_location",
        "model_versions": "storage_location",
    }
    with closing(sqlite3.connect(store / "mlflow" / "mlflow.db")) as database, database:
        query = "select artifact_location from experiments where name = 'ecg-denoiser'"
        ((before,),) = database.execute(query).fetchall()
        now = (store / "mlflow" / "artifacts").as_uri()
        for table, column in columns.items():
            changed = f"update {table} set {column} = replace({column}, ?, ?)"
            database.execute(changed, (before, now))
    from mlflow.tracking._tracking_service import utils

    utils._artifact_repos_cache.clear()  # by run: the original's, if this process has used it


def unit_folder(store: Path, unit: str) -> Path:
    """Return the one folder of a unit, e.g. "mix simulated/sim01"."""
    stage, _, name = unit.partition(" ")
    safe = name.replace("/", "-").replace(" ", "-")
    (found,) = (store / stage).glob(f"{safe}-" + "[0-9a-f]" * 16)
    return found


def alter(path: Path) -> None:
    """Flip the bits of a byte in the middle of a file, keeping its size and time of change."""
    stat = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)  # in place: other names of the file see it too
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


class Command:
    """`ecg-denoise` in a process of its own, which counts what it does.

    Args:
        arguments: Of the command.
        folder: For its log and output; one command a folder.
        project: The folder of the code.
        **environment: Variables to set.
    """

    def __init__(
        self, arguments: list[str], folder: Path, project: Path = ROOT, **environment: str
    ) -> None:
        from prefect.settings import PREFECT_API_URL

        folder.mkdir(parents=True, exist_ok=True)
        self.log, self.output = folder / "made.txt", folder / "output.txt"
        address = {"PREFECT_API_URL": url} if (url := PREFECT_API_URL.value()) else {}
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.flows.counted_command", str(self.log), *arguments],
                cwd=project,
                env={**os.environ, "PYTHONPATH": str(project), **address, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def made(self) -> list[str]:
        """The units that it has worked on up to now."""
        lines = self.log.read_text().splitlines() if self.log.is_file() else []
        return [line for line in lines if not line.startswith("#")]

    @property
    def modules(self) -> set[str]:
        """The heavy modules that it had imported in the end."""
        lines = self.log.read_text().splitlines()
        return {name for line in lines if line.startswith("#") for name in line[1:].split()}

    def kill(self) -> None:
        """Kill it, as `kill -9` does."""
        self.process.kill()
        self.process.wait()

    def wait(self, timeout_s: float = 900) -> str:
        """Wait for its end, and return what it printed.

        Raises:
            AssertionError: It failed.
        """
        code = self.process.wait(timeout_s)
        text = self.output.read_text(errors="replace")
        assert code == 0, text[-4000:]
        return text


def run_command(
    settings: Settings, folder: Path, project: Path = ROOT, **environment: str
) -> Command:
    """Start `ecg-denoise run` with settings."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "settings.yaml"
    file.write_text(yaml.safe_dump(settings.model_dump(mode="json")))
    return Command(["run", "--config", str(file)], folder, project, **environment)


def until(
    holds: Callable[[], Any], timeout_s: float = 300, what: str = "", every_s: float = 0.1
) -> None:
    """Wait until something holds; asked without a pause, a server has no time for its work.

    Raises:
        TimeoutError: It never did.
    """
    end = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {timeout_s:g} s in vain for {what or holds}")
        time.sleep(every_s)


def task_states(flow_run_id: Any, count: int) -> dict[str, str]:
    """Return the state of each task of a flow run, as the Prefect API tells it.

    Args:
        flow_run_id: The flow run.
        count: How many tasks it has; the API learns of them a moment after they ended.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))
    states: dict[str, str] = {}

    def known() -> bool:
        runs = client.read_task_runs(flow_run_filter=wanted)
        states.update({run.name: run.state_name or "" for run in runs})
        final = all(state in ("Completed", "Cached", "Failed") for state in states.values())
        return len(states) == count and final

    with get_client(sync_client=True) as client:
        until(known, 60, f"{count} tasks of flow run {flow_run_id}")
    return states


def loss_steps(client: Any, run_id: str) -> list[int]:
    """Return the epochs for which a run holds a loss, one entry a logged point."""
    return [metric.step for metric in client.get_metric_history(run_id, LOSS)]


def copy_record(downloads: Path, name: str, into: Path) -> None:
    """Copy a simulated record's WFDB files out of a store, e.g. "simulated/sim01"."""
    (folder,) = downloads.glob(f"{name.replace('/', '-')}-*")
    into.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        if file.name != "manifest.json":
            shutil.copy(file, into)


def make_mirror(downloads: Path, root: Path) -> Path:
    """Lay simulated recordings out as mitdb and nstdb of a PhysioNet mirror."""
    for name in RECORDS:
        copy_record(downloads, name, root / "mitdb" / "1.0.0")
    for name in NOISE:
        copy_record(downloads, name, root / "nstdb" / "1.0.0")
    for database in ("mitdb", "nstdb"):
        publish(root / database / "1.0.0")
    return root


def from_mirror(url: str, **source: Any) -> dict[str, Any]:
    """Return changes that take `make_mirror`'s records, with the splits that they have here."""
    return {
        "source": {"kind": "physionet", "base_url": url, "clean": ["mitdb"], **source},
        "split": {"test": ["mitdb/sim02", "mitdb/sim06"], "validation": ["mitdb/sim04"]},
    }
