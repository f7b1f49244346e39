"""One MLflow run per training, identified by the training's key."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecgmodel.denoise.onnx import FILE
from ecgmodel.models.lineage import LINEAGE
from ecgmodel.models.trained import NETWORK
from ecgmodel.settings.config import Settings
from ecgmodel.steps.training import network_options
from ecgmodel.store import Stored
from ecgmodel.store.versions import git_commit, library_versions
from tasks.tracking.artifact_files import (
    SEAL,
    Files,
    altered,
    files_at,
    local_hashes,
    read_seal,
    seal,
    stored_files,
)
from tasks.tracking.describing import run_text
from tasks.tracking.finished import Finished
from tasks.tracking.packing import examine, log_model, restore_model, seal_model
from tasks.tracking.store import TrackingStore

if TYPE_CHECKING:
    from mlflow.entities import Run

TRAINING, LOGGED, DATASET = "ecg.training", "ecg.logged", "ecg.dataset"
TRIGGER = "ecg.trigger"
DATASET_FILE, NETWORK_SETTINGS = "dataset.json", "network"
_FACTS = ("settings.yaml", "environment.json", DATASET_FILE)
HISTORY = "history.json"
LIBRARIES = (
    "tensorflow",
    "keras",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "wfdb",
    "mlflow",
    "prefect",
)


@dataclass(frozen=True)
class Logged:
    """A completely logged training.

    Attributes:
        run_id: Its run.
        files: Hashes of the files of run and model that lie on this machine, by path.
    """

    run_id: str
    files: Mapping[Path, str]


class Tracker(TrackingStore):
    """Runs in the tracking store."""

    def find(self, training: str) -> Run | None:
        """Return the run of a training, by the training's key."""
        runs = self.client.search_runs(
            [self.experiment], f"tags.`{TRAINING}` = '{training[:32]}'", max_results=1
        )
        return runs[0] if runs else None

    def trainings(self) -> list[str]:
        """Return the keys (first digits) of all logged trainings."""
        keys: list[str] = []
        token: str | None = None
        while True:
            page = self.client.search_runs([self.experiment], max_results=1000, page_token=token)
            keys += [run.data.tags[TRAINING] for run in page if TRAINING in run.data.tags]
            token = page.token
            if not token:
                return keys

    def open(self, training: str, name: str, dataset: Stored, flow_run: Mapping[str, str]) -> str:
        """Return the id of a training's run, creating it if needed."""
        if run := self.find(training):
            if run.info.status != "FINISHED":
                self.client.set_terminated(run.info.run_id, "RUNNING")
            return str(run.info.run_id)
        tags = {
            TRAINING: training[:32],
            DATASET: dataset.digest[:12],
            **{f"prefect.flow_run_{k}": v for k, v in flow_run.items()},
            "mlflow.source.name": "ecg-denoise",
            "mlflow.note.content": f"Trained on dataset {dataset.name} {dataset.digest[:12]}"
            f" by the Prefect flow run {flow_run.get('name', '(none)')}.",
            **({"mlflow.source.git.commit": commit} if (commit := git_commit()) else {}),
        }
        run = self.client.create_run(self.experiment, tags=tags, run_name=name)
        return str(run.info.run_id)

    def log_epochs(self, run_id: str, rows: Sequence[Mapping[str, float]]) -> None:
        """Log the metrics of epochs that are not logged yet.

        Args:
            run_id: The run.
            rows: A map per epoch: "epoch" (from 1) and metrics by name.
        """
        from mlflow.entities import Metric

        there = self.client.get_metric_history(run_id, "loss")
        known = {metric.step for metric in there}
        now = int(time.time() * 1000)
        metrics = [
            Metric(name, float(value), now, epoch)
            for row in rows
            if (epoch := int(row["epoch"])) not in known
            for name, value in row.items()
            if name != "epoch"
        ]
        for at in range(0, len(metrics), 1000):
            self.client.log_batch(run_id, metrics[at : at + 1000])

    def logged(self, finished: Finished) -> Logged | None:
        """Return the run of a completely logged training, None if there is none.

        It is not complete if a file of it or of its model was deleted or altered.
        """
        run = self.find(finished.model.key)
        if run is None or run.data.tags.get(LOGGED) != finished.report.ref:
            return None
        run_id, location = str(run.info.run_id), str(run.info.artifact_uri)
        if not self.holds(location):
            return Logged(run_id, {})
        model_id, sealed = self.model_id(run_id), read_seal(run.data.tags)
        if model_id is None or not sealed:
            return None
        model = examine(self, model_id, _networks(finished))
        there, wanted = files_at(location, self.uri), {**sealed, **seal(_results(finished))}
        if model.missing or altered(there, wanted):
            return None
        known = {name: there[name] for name in wanted}
        return Logged(run_id, {**local_hashes(location, known), **model.files})

    def log(self, finished: Finished) -> str:
        """Log a finished training and return its run's id; existing parts are not logged again."""
        with self.store.lock(f"tracking {finished.model.key}"):
            if logged := self.logged(finished):
                return logged.run_id
            name = training_name(finished.settings, finished.dataset)
            run_id = self.open(finished.model.key, name, finished.dataset, finished.flow_run)
            history = json.loads(finished.model.file(HISTORY).read_text())
            self.log_epochs(run_id, history["rows"])
            self._log_inputs(run_id, finished)
            self._log_results(run_id, finished)
            keras, onnx = finished.model.file(NETWORK), finished.exported.file(FILE)
            if not (model_id := self.model_id(run_id)):
                model_id = log_model(run_id, keras, onnx)
            elif parts := examine(self, model_id, _networks(finished)).missing:
                restore_model(self.client, run_id, model_id, parts, keras, onnx)
            seal_model(self, model_id)
            note = run_text(finished, partial(self.run_page, run_id))
            self.client.set_tag(run_id, "mlflow.note.content", note)
            self.client.set_tag(run_id, TRIGGER, finished.trigger)
            self.client.set_tag(run_id, LOGGED, finished.report.ref)
            self.client.set_terminated(run_id, "FINISHED")
            return run_id

    def _log_inputs(self, run_id: str, finished: Finished) -> None:
        """Log settings, environment and the dataset."""
        from mlflow.entities import Dataset, DatasetInput, InputTag, Param

        params = flatten(finished.settings.model_dump(mode="json", exclude={"store", "tracking"}))
        known = self.client.get_run(run_id).data.params
        new = [Param(k, v) for k, v in params.items() if k not in known]
        for at in range(0, len(new), 100):
            self.client.log_batch(run_id, params=new[at : at + 100])
        self.client.log_dict(run_id, finished.settings.model_dump(mode="json"), "settings.yaml")
        self.client.log_dict(run_id, library_versions(*LIBRARIES), "environment.json")
        facts = dataset_facts(finished.dataset) | {
            LINEAGE: finished.lineage.to_dict(),
            NETWORK_SETTINGS: {
                "architecture": finished.settings.network.architecture,
                "options": network_options(finished.settings),
            },
        }
        self.client.log_dict(run_id, facts, DATASET_FILE)
        if self.client.get_run(run_id).inputs.dataset_inputs:
            return
        info = finished.dataset.info
        source = {"uri": str(finished.dataset.path), **info["source"]}
        dataset = Dataset(
            name="+".join(info["source"]["databases"]),
            digest=finished.dataset.digest[:32],
            source_type="local",
            source=json.dumps(source),
            profile=json.dumps(info["counts"]),
        )
        tag = InputTag("mlflow.data.context", "training")
        self.client.log_inputs(run_id, [DatasetInput(dataset, [tag])])

    def _log_results(self, run_id: str, finished: Finished) -> None:
        """Log test metrics, tables, figures and the report."""
        from mlflow.entities import Metric

        known = self.client.get_run(run_id).data.metrics
        now = int(time.time() * 1000)
        metrics = [
            Metric(name, value, now, 0)
            for name, value in finished.report.info["metrics"].items()
            if known.get(name) != value
        ]
        self.client.log_batch(run_id, metrics)
        for name in finished.report.files:
            folder = str(Path(name).parent) if "/" in name else None
            self.client.log_artifact(run_id, str(finished.report.file(name)), folder)
        self.client.log_artifact(run_id, str(finished.model.file(HISTORY)))
        self.seal_files(run_id, _FACTS)

    def seal_files(self, run_id: str, names: Iterable[str]) -> None:
        """Note a run's files as they are, so that one that changes later is noticed."""
        there = files_at(self.client.get_run(run_id).info.artifact_uri, self.uri)
        known = seal({name: there[name] for name in names if name in there})
        self.client.set_tag(run_id, SEAL, json.dumps(known))

    def model_id(self, run_id: str) -> str | None:
        """Return the id of a run's complete model; a kill can leave an incomplete one."""
        from mlflow.entities import LoggedModelStatus

        whole = None
        for output in self.client.get_run(run_id).outputs.model_outputs:
            model = self.find_model(output.model_id)
            status = model.status if model else LoggedModelStatus.FAILED
            if status == LoggedModelStatus.READY:
                whole = str(output.model_id)
            elif status == LoggedModelStatus.PENDING:
                self.client.finalize_logged_model(output.model_id, LoggedModelStatus.FAILED)
        return whole


def _networks(finished: Finished) -> Files:
    keras, onnx = finished.model.files[NETWORK], finished.exported.files[FILE]
    return stored_files({NETWORK: keras, FILE: onnx})


def _results(finished: Finished) -> Files:
    return stored_files({**finished.report.files, HISTORY: finished.model.files[HISTORY]})


def dataset_facts(dataset: Stored) -> dict[str, Any]:
    """Return the dataset's metadata for a run, so that its subjects stay known if it is deleted."""
    kept = ("source", "counts", "splits", "noise", "leak_check")
    known = {name: dataset.info[name] for name in kept}
    return {"name": dataset.name, "digest": dataset.digest, "folder": str(dataset.path), **known}


def training_name(settings: Settings, dataset: Stored) -> str:
    """Return a training's display name."""
    what = f"{settings.network.architecture} on {dataset.name} {dataset.digest[:8]}"
    return f"{what}, preset {settings.preset}"


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten nested settings to dotted names and texts."""
    flat: dict[str, str] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = str(value)[:6000]
    return flat
