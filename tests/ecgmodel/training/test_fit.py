"""Training learns, saves the best epoch, and gives the same result after kills."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from ecgmodel.errors import ModelError
from ecgmodel.networks import build_network, load_network
from ecgmodel.support import stopping
from ecgmodel.training import checkpoint
from ecgmodel.training.batches import ShardBatches
from ecgmodel.training.fit import HISTORY, NETWORK, WEIGHTS, History, train
from ecgmodel.training.settings import TrainingSettings
from tests.ecgmodel.training.test_batches import write_shard
from tests.processes import PROCESSES

SAMPLES = 64
# With min_delta = 0.1 this short training reaches both the plateau and the patience.
SETTINGS = TrainingSettings(
    epochs=30,
    batch_size=32,
    learning_rate=0.01,
    patience=5,
    plateau_patience=2,
    min_delta=0.1,
    averaging=0.9,
    shuffle_rows=100,
    schedule="plateau",
    warmup_epochs=0,
    clip_norm=None,
    loss="mse",
)
OPTIONS = {"filters": (8, 4), "dropout": 0.2}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pulses at random positions in noise: three training shards, one validation shard."""
    folder = tmp_path_factory.mktemp("shards")
    rng = np.random.default_rng(0)
    for name in ("train0", "train1", "train2", "validation"):
        place = rng.integers(10, SAMPLES - 10, (90, 1))
        clean = np.exp(-(((np.arange(SAMPLES) - place) / 3) ** 2))
        noisy = clean + 0.3 * rng.standard_normal(clean.shape)
        write_shard(folder / f"{name}.parquet", noisy, clean)
    return folder


def fit(shards: Path, work: Path, settings: TrainingSettings = SETTINGS, **how: object) -> History:
    batches = ShardBatches(
        sorted(shards.glob("train*")), settings.batch_size, settings.seed, settings.shuffle_rows
    )
    validation = ShardBatches([shards / "validation.parquet"], 64, shuffle_rows=0)
    how.setdefault("build", build)
    return train(batches=batches, validation=validation, work=work, settings=settings, **how)


def build() -> keras.Model:
    return build_network("conv_autoencoder", OPTIONS)


@pytest.fixture(scope="module")
def whole(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, History]:
    """An uninterrupted training."""
    work = tmp_path_factory.mktemp("whole")
    return work, fit(shards, work)


def weights(work: Path) -> list[np.ndarray]:
    return load_network(work / NETWORK).get_weights()


def assert_same(work: Path, whole: tuple[Path, History]) -> None:
    assert (work / HISTORY).read_bytes() == (whole[0] / HISTORY).read_bytes()
    for mine, theirs in zip(weights(work), weights(whole[0]), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_training_lowers_loss_and_learning_rate_and_stops(whole: tuple[Path, History]) -> None:
    history = whole[1]
    losses = [row["val_loss"] for row in history.rows]
    assert losses[-1] < 0.5 * losses[0]
    assert history.stopped_early
    assert len(losses) < SETTINGS.epochs
    assert history.rows[-1]["learning_rate"] < SETTINGS.learning_rate
    assert [row["epoch"] for row in history.rows] == list(range(1, len(losses) + 1))


def test_the_best_averaged_weights_are_saved(shards: Path, whole: tuple[Path, History]) -> None:
    work, history = whole
    assert history.best_loss == min(row["val_loss"] for row in history.rows)
    assert history.rows[history.best_epoch - 1]["val_loss"] == history.best_loss
    ((noisy, clean),) = ShardBatches([shards / "validation.parquet"], 90, shuffle_rows=0).epoch(0)
    network = load_network(work / NETWORK)
    loss = np.mean((network.predict(noisy, verbose=0) - clean) ** 2)
    assert loss == pytest.approx(history.best_loss, rel=1e-5)
    other = build()
    other.load_weights(work / WEIGHTS)
    np.testing.assert_array_equal(
        other.predict(noisy, verbose=0), network.predict(noisy, verbose=0)
    )


def test_initial_weights_are_saved_if_no_epoch_is_better(
    shards: Path, whole: tuple[Path, History], tmp_path: Path
) -> None:
    def again() -> keras.Model:
        return load_network(whole[0] / NETWORK)

    worse = SETTINGS.model_copy(update={"learning_rate": 1.0, "epochs": 1})
    history = fit(shards, tmp_path, worse, build=again, trained=True)
    assert history.best_epoch == 0
    assert history.best_loss == pytest.approx(whole[1].best_loss, rel=1e-5)
    for mine, theirs in zip(weights(tmp_path), weights(whole[0]), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_history_is_written(whole: tuple[Path, History]) -> None:
    work, history = whole
    written = json.loads((work / HISTORY).read_text())
    assert written["rows"] == history.rows
    assert written["best_epoch"] == history.best_epoch


class KilledError(Exception):
    """Ends a training between two epochs."""


def stop_at(last: int) -> Callable[[int, dict[str, float]], None]:
    def on_epoch(epoch: int, _: dict[str, float]) -> None:
        if epoch == last:
            raise KilledError

    return on_epoch


@pytest.fixture(scope="module")
def broken(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that was interrupted after four epochs."""
    work = tmp_path_factory.mktemp("broken")
    with pytest.raises(KilledError):
        fit(shards, work, on_epoch=stop_at(4))
    return work


def test_each_row_is_reported_once_and_facts_are_stored(
    shards: Path, whole: tuple[Path, History], broken: Path, tmp_path: Path
) -> None:
    work = shutil.copytree(broken, tmp_path / "work")
    before, after = [], []
    history = fit(shards, work, on_start=before.extend, on_epoch=lambda _, row: after.append(row))
    assert [row["epoch"] for row in before] == [1, 2, 3, 4]
    assert before + after == whole[1].rows
    assert history == whole[1]
    assert_same(work, whole)


def test_the_duration_is_summed_over_resumptions(
    shards: Path, whole: tuple[Path, History], broken: Path, tmp_path: Path
) -> None:
    work = shutil.copytree(broken, tmp_path / "work")
    saved = checkpoint.load(work / checkpoint.FOLDER)
    assert saved is not None
    before = saved.facts["seconds"]
    assert before > 0
    start = time.perf_counter()
    history = fit(shards, work)
    assert before < history.seconds <= before + time.perf_counter() - start
    assert fit(shards, work).seconds == history.seconds  # nothing was left to do
    assert history.facts["seconds"] == history.seconds
    assert history.facts["epochs"] == len(whole[1].rows)
    assert "seconds" not in json.loads((work / HISTORY).read_text())


def test_a_finished_training_is_not_repeated(
    shards: Path, whole: tuple[Path, History], tmp_path: Path
) -> None:
    work, history = whole
    (work / NETWORK).rename(tmp_path / NETWORK)  # killed before it was written
    epochs: list[int] = []
    again = fit(shards, work, on_epoch=lambda epoch, _: epochs.append(epoch))
    assert epochs == []
    assert_same(work, whole)
    assert again == history
    for mine, theirs in zip(weights(work), weights(tmp_path), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_more_epochs_resume_from_the_last_checkpoint(
    shards: Path, whole: tuple[Path, History], tmp_path: Path
) -> None:
    fit(shards, tmp_path, SETTINGS.model_copy(update={"epochs": 2}))
    before: list[dict[str, float]] = []
    assert fit(shards, tmp_path, on_start=before.extend) == whole[1]
    assert len(before) == 2


@pytest.mark.parametrize("damaged", [1, 2])
def test_damaged_checkpoints_are_skipped(
    shards: Path,
    whole: tuple[Path, History],
    broken: Path,
    tmp_path: Path,
    damaged: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    work = shutil.copytree(broken, tmp_path / "work")
    paths = sorted((work / checkpoint.FOLDER).iterdir())
    for path in paths[-damaged:]:
        path.write_bytes(path.read_bytes()[:1000])
    before: list[dict[str, float]] = []
    history = fit(shards, work, on_start=before.extend)
    assert len(before) == (3 if damaged == 1 else 0)
    assert paths[-1].name in caplog.text
    assert history == whole[1]
    assert_same(work, whole)


def test_checkpoints_of_another_training_are_ignored(
    shards: Path, broken: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    work = shutil.copytree(broken, tmp_path / "work")
    before: list[dict[str, float]] = []
    other = SETTINGS.model_copy(update={"epochs": 1, "seed": 1})
    assert len(fit(shards, work, other, on_start=before.extend).rows) == 1
    assert before == []
    assert "starts again" in caplog.text


def nested() -> keras.Model:
    """Dropout, noise and batch statistics, deep inside."""
    inner = keras.Sequential(
        [keras.layers.Conv1D(4, 3, padding="same"), keras.layers.BatchNormalization()]
    )
    deep = keras.Sequential([inner, keras.layers.Dropout(0.3), keras.layers.GaussianNoise(0.1)])
    noisy = keras.Input((None, 1))
    return keras.Model(noisy, keras.layers.Conv1D(1, 3, padding="same")(deep(noisy)))


def test_nested_random_generators_are_restored(shards: Path, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"epochs": 4})
    straight = fit(shards, tmp_path / "straight", settings, build=nested)
    with pytest.raises(KilledError):
        fit(shards, tmp_path / "broken", settings, build=nested, on_epoch=stop_at(2))
    assert fit(shards, tmp_path / "broken", settings, build=nested) == straight


def test_a_loss_that_is_not_finite_is_refused(shards: Path, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(ModelError, match=r"Epoch 1: .*nan.*training\.learning_rate \(now 1e\+30\)"):
        fit(shards, tmp_path, settings)
    found = checkpoint.load(tmp_path / checkpoint.FOLDER)
    assert found is not None
    assert found.epoch == 0  # the epoch was not saved


def test_a_window_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    clean = np.zeros((90, SAMPLES))
    for name in ("train0", "validation"):
        write_shard(tmp_path / f"{name}.parquet", clean + np.nan, clean)
    with pytest.raises(ModelError, match="windows that are not finite"):
        fit(tmp_path, tmp_path / "work")


def test_the_bar_shows_progress_and_losses(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(shards, tmp_path, SETTINGS.model_copy(update={"epochs": 2}), progress=True)
    shown = capsys.readouterr().err
    assert "18/18" in shown  # 2 epochs of 9 batches
    assert "val_loss=" in shown
    assert "epoch=2" in shown


def train_in_a_process(shards: Path, work: Path, log: Path, moment: str, at: int) -> None:
    """Train, and be killed at a moment after an epoch."""
    check, fsync, batches = stopping.check, os.fsync, itertools.count(1)

    def note(kind: str, epoch: float) -> None:
        with log.open("a") as file:
            file.write(f"{kind} {epoch:.0f}\n")

    def on_epoch(epoch: int, _: dict[str, float]) -> None:
        note("epoch", epoch)
        if moment == "after it wrote" and epoch == at:
            be_killed()

    def writing(handle: int) -> None:
        half = any((work / checkpoint.FOLDER).glob("*.tmp"))
        if moment == "while it writes" and half and newest(work) == at:
            be_killed()
        fsync(handle)

    def learning() -> None:
        check()
        if moment == "while it learns" and newest(work) == at and next(batches) == 3:
            be_killed()

    stopping.check, os.fsync = learning, writing  # of this process alone
    fit(
        shards,
        work,
        on_start=lambda rows: [note("start", row["epoch"]) for row in rows],
        on_epoch=on_epoch,
    )


def be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def newest(work: Path) -> int:
    return max(checkpoint._epochs(work / checkpoint.FOLDER), default=-1)


def test_a_kill_changes_nothing_wherever_it_comes(
    shards: Path, whole: tuple[Path, History], tmp_path: Path
) -> None:
    work, log = tmp_path / "work", tmp_path / "log"
    moments = (("while it writes", 1), ("after it wrote", 3), ("while it learns", 4))
    for moment, at in (*moments, ("never", 0)):
        arguments = (shards, work, log, moment, at)
        process = PROCESSES.Process(target=train_in_a_process, args=arguments)
        process.start()
        process.join(300)
        if moment != "never":
            assert process.exitcode == -signal.SIGKILL
            assert newest(work) == at
    assert_same(work, whole)
    lines = [line.split() for line in log.read_text().splitlines()]
    reported = [int(epoch) for kind, epoch in lines if kind == "epoch"]
    assert len(reported) == len(set(reported))
    started = {int(epoch) for kind, epoch in lines if kind == "start"}
    assert started | set(reported) == {row["epoch"] for row in whole[1].rows}
