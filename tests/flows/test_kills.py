"""`kill -9` at any moment, and two runs at once: the same result, and nothing is done twice."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecgmodel.architectures import load_network
from ecgmodel.config import Settings, TrackingSettings
from ecgmodel.store import Store, Stored, read_stored
from flows.pipeline import pipeline
from flows.train import Training
from tasks.tracking import Tracker
from tests.flows import small

LONGER: dict[str, Any] = {"training": {"epochs": 12, "batch_size": 16, "patience": None}}


@pytest.fixture(scope="module")
def unkilled(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a run that nobody kills."""
    store = tmp_path_factory.mktemp("unkilled") / "store"
    pipeline(small.small(store, LONGER))
    return store


def only(store: Path, stage: str) -> Stored:
    """Return the one unit of a stage, and see that no half of another is left."""
    (folder,) = (store / stage).iterdir()
    return read_stored(folder)


def assert_same(store: Path, expected: Path) -> None:
    """Dataset, weights, history, and what is logged, are those of a run that was not killed."""
    assert only(store, "dataset").digest == only(expected, "dataset").digest
    model, other = only(store, "train"), only(expected, "train")
    assert model.key == other.key
    assert history(model) == history(other)
    weights, others = (load_network(m.file("model.keras")).get_weights() for m in (model, other))
    assert all(np.array_equal(a, b) for a, b in zip(weights, others, strict=True))
    tracker = Tracker(TrackingSettings(), Store(store))
    (run,) = tracker.client.search_runs([tracker.experiment])
    assert run.info.status == "FINISHED"
    epochs = [row["epoch"] for row in history(model)["rows"]]
    assert small.loss_steps(tracker.client, run.info.run_id) == epochs
    logged = tracker.client.get_metric_history(run.info.run_id, "loss")
    assert [m.value for m in logged] == [row["loss"] for row in history(model)["rows"]]
    assert len(run.inputs.dataset_inputs) == 1
    assert len(run.outputs.model_outputs) == 1


def history(model: Stored) -> dict[str, Any]:
    return json.loads(model.file("history.json").read_text())


def kill_when(settings: Settings, folder: Path, moment: Callable[[], bool], delay_s: float) -> None:
    """Start the command, and kill it a while after a moment has come, if it still runs then."""
    command = small.run_command(settings, folder)
    try:
        small.until(lambda: moment() or command.process.poll() is not None, 240)
        time.sleep(delay_s)
    finally:
        command.kill()


def test_a_run_killed_in_training_ends_as_one_that_was_not(unkilled: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    settings = small.small(store, LONGER)
    kill_when(settings, tmp_path / "killed", lambda: checkpoints(store) >= 3, 0.05)
    done = checkpoints(store)
    assert 3 <= done < LONGER["training"]["epochs"]
    again = small.run_command(settings, tmp_path / "again")
    again.wait()
    assert again.made[0] == small.FIT
    assert set(again.made) == small.TRAINED
    assert_same(store, unkilled)


def checkpoints(store: Path) -> int:
    """Return the newest checkpoint's epoch, 0 without one."""
    names = [path.stem for path in store.glob("train/*/checkpoints/epoch-*.npz")]
    return max((int(name.removeprefix("epoch-")) for name in names), default=0)


def has_begun(store: Path, stage: str) -> bool:
    return any(store.glob(f"{stage}/*"))


STAGES = ("download", "resample", "mix", "dataset", "train", "evaluate", "report", "mlflow")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_a_run_killed_at_random_moments_ends_as_one_that_was_not(
    unkilled: Path, tmp_path: Path, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    store = tmp_path / "store"
    settings = small.small(store, LONGER)
    first = STAGES[seed]
    later = STAGES[int(rng.integers(seed, len(STAGES)))]
    for attempt, stage in enumerate((first, later)):
        seen = partial(has_begun, store, stage)
        kill_when(settings, tmp_path / str(attempt), seen, float(rng.uniform(0, 1.5)))
    small.run_command(settings, tmp_path / "last").wait()
    assert_same(store, unkilled)


def test_two_runs_at_once_do_nothing_twice(
    first: tuple[Settings, Training], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    both = [small.run_command(small.small(store), tmp_path / name) for name in ("one", "two")]
    for command in both:
        command.wait()
    made = Counter(both[0].made) + Counter(both[1].made)
    assert made == Counter(small.PREPARED | small.TRAINED)
    assert_same(store, first[0].store)
