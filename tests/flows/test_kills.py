"""`kill -9` wherever it comes, and two runs at once: the same result, and nothing is done twice."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pytest
from mlflow.entities import LoggedModelStatus

from ecgmodel.networks import load_network
from ecgmodel.settings.config import Settings, TrackingSettings
from ecgmodel.store import Store, Stored, read_stored
from flows.pipeline import pipeline
from flows.train import Training, train
from tasks.tracking import Registry, Tracker
from tests.flows import small

pytestmark = pytest.mark.timeout(1800)
LONGER: dict[str, Any] = {"training": {"epochs": 6, "batch_size": 16, "patience": None}}


@pytest.fixture(scope="module")
def unkilled(first: tuple[Settings, Training], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a run that nobody kills."""
    store = prepared(small.kept(first[0]), tmp_path_factory.mktemp("unkilled"))
    train(small.small(store, LONGER), small.unit_folder(store, small.PUBLISH))
    return store


def prepared(first: Path, folder: Path) -> Path:
    """Return a copy of a store with its dataset alone."""
    store = small.copy_store(first, folder / "store")
    for other in store.iterdir():
        if other.name not in ("download", "resample", "mix", "dataset"):
            shutil.rmtree(other)
    return store


def only(store: Path, stage: str) -> Stored:
    """Return the one unit of a stage, and see that no half of another is left."""
    (folder,) = (store / stage).iterdir()
    return read_stored(folder)


def assert_same(store: Path, expected: Path, tracking: TrackingSettings | None = None) -> None:
    """Dataset, weights, history, and what is logged, are those of a run that was not killed."""
    assert only(store, "dataset").digest == only(expected, "dataset").digest
    model, other = only(store, "train"), only(expected, "train")
    assert model.key == other.key
    assert history(model) == history(other)
    weights, others = (load_network(m.file("model.keras")).get_weights() for m in (model, other))
    assert all(np.array_equal(a, b) for a, b in zip(weights, others, strict=True))
    tracker = Tracker(tracking or TrackingSettings(), Store(store))
    (run,) = tracker.client.search_runs([tracker.experiment])
    assert run.info.status == "FINISHED"
    epochs = [row["epoch"] for row in history(model)["rows"]]
    assert small.loss_steps(tracker.client, run.info.run_id) == epochs
    logged = tracker.client.get_metric_history(run.info.run_id, "loss")
    assert [m.value for m in logged] == [row["loss"] for row in history(model)["rows"]]
    assert len(run.inputs.dataset_inputs) == 1
    assert len(whole_models(tracker, run.info.run_id)) == 1


def whole_models(tracker: Tracker, run_id: str) -> list[str]:
    """Return the models of a run that are there, not only named."""
    client = tracker.client
    named = [output.model_id for output in client.get_run(run_id).outputs.model_outputs]
    return [n for n in named if client.get_logged_model(n).status == LoggedModelStatus.READY]


def history(model: Stored) -> dict[str, Any]:
    return json.loads(model.file("history.json").read_text())


def killed_at(settings: Settings, folder: Path, function: str, call: int) -> None:
    """Run the command, which is killed at a call of a function."""
    command = small.run_command(settings, folder, **{small.KILLED_AT: f"{function} {call}"})
    assert command.process.wait(900) == -signal.SIGKILL, command.output.read_text()


def test_a_run_killed_in_training_ends_as_one_that_was_not(
    first: tuple[Settings, Training], unkilled: Path, tmp_path: Path
) -> None:
    store = prepared(small.kept(first[0]), tmp_path)
    settings = small.small(store, LONGER)
    # The first checkpoint is that of no epoch.
    killed_at(settings, tmp_path / "killed", "ecgmodel.training.checkpoint.save", 5)
    assert checkpoints(store) == 3
    with small.counted() as made:
        train(settings, small.unit_folder(store, small.PUBLISH))
    assert made[0] == small.FIT
    assert set(made) == small.TRAINED
    assert_same(store, unkilled)


def checkpoints(store: Path) -> int:
    """Return the newest checkpoint's epoch, 0 without one."""
    names = [path.stem for path in store.glob("train/*/checkpoints/epoch-*.npz")]
    return max((int(name.removeprefix("epoch-")) for name in names), default=0)


def test_a_run_killed_while_it_logs_its_model_logs_a_whole_one(
    first: tuple[Settings, Training], store: Path, tmp_path: Path
) -> None:
    shutil.rmtree(store / "mlflow")
    settings = small.small(store)
    uploading = "mlflow.tracking.client:MlflowClient.log_model_artifacts"
    killed_at(settings, tmp_path / "killed", uploading, 1)
    assert names_a_model_that_is_not_there(store)
    with small.counted() as made:
        result = train(settings, small.unit_folder(store, small.PUBLISH))
    assert made == []
    (whole,) = whole_models(result.tracker, result.run_id)
    model = mlflow.pyfunc.load_model(f"models:/{whole}")
    assert np.asarray(model.predict(np.zeros((700, 2)))).shape == (700, 2)


def test_a_promotion_that_was_killed_before_its_alias_is_finished(
    first: tuple[Settings, Training], store: Path
) -> None:
    settings = small.small(store)
    registry = Registry(Tracker(settings.tracking, Store(store)))
    registry.promote(registry.version(1), "gate", "for this test")
    registry.tracker.client.delete_registered_model_alias(registry.name, "champion")
    registry.tracker.client.set_registered_model_alias(registry.name, "challenger", "1")
    result = train(settings, small.unit_folder(store, small.PUBLISH))
    assert result.judged.champion == 1
    champion = registry.champion()
    assert champion is not None
    assert champion.number == 1
    assert registry.challenger() is None
    assert [change.version for change in registry.history()] == [1]


def names_a_model_that_is_not_there(store: Path) -> bool:
    """Return whether the tracking store's run names a model whose files have not come."""
    asked = (
        "select count(*) from inputs join logged_models on destination_id = model_id "
        "where destination_type = 'MODEL_OUTPUT' and status = 1"
    )
    try:
        with closing(sqlite3.connect(store / "mlflow" / "mlflow.db", timeout=1)) as database:
            return bool(database.execute(asked).fetchone()[0])
    except sqlite3.OperationalError:  # it is being made
        return False


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_run_killed_at_random_moments_ends_as_one_that_was_not(
    unkilled: Path, tmp_path: Path, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    store = tmp_path / "store"
    settings = small.small(store, LONGER)
    # In their order, so that each kill meets a run that still has work to do there.
    for at in sorted(rng.choice(len(STAGES), 3, replace=False)):
        begun = partial(has_begun, store, STAGES[at])
        kill_when(settings, tmp_path / STAGES[at], begun, float(rng.uniform(0, 1)))
    small.run_command(settings, tmp_path / "last").wait()
    assert_same(store, unkilled)


def kill_when(settings: Settings, folder: Path, moment: Callable[[], bool], delay_s: float) -> None:
    """Start the command, and kill it a while after a moment has come, if it still runs then."""
    command = small.run_command(settings, folder)
    try:
        small.until(lambda: moment() or command.process.poll() is not None, 240, every_s=0.005)
        time.sleep(delay_s)
    finally:
        command.kill()


STAGES = ("download", "resample", "mix", "dataset", "train", "evaluate", "report", "artifacts")


def has_begun(store: Path, stage: str) -> bool:
    folder = store / "mlflow" / stage if stage == "artifacts" else store / stage
    return any(folder.glob("*"))


def test_two_runs_at_once_do_nothing_twice(
    first: tuple[Settings, Training], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    other = small.run_command(small.small(store), tmp_path)
    small.until(lambda: has_begun(store, "download"), what="the other one's first record")
    with small.counted() as made:
        pipeline(small.small(store))
    other.wait()
    assert Counter(made) + Counter(other.made) == Counter(small.PREPARED | small.TRAINED)
    assert_same(store, first[0].store)
