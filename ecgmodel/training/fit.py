"""Fits a network epoch by epoch, and resumes from the last checkpoint if there is one.

A checkpoint after each epoch holds the full state: weights, Adam's state, the average of weights,
random generators, patience, learning rate and history. On one CPU machine, a training that was
killed and resumed gives bit-identical results to an uninterrupted one.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
from numpy.typing import NDArray

from ecgmodel.errors import ModelError
from ecgmodel.networks import save_network
from ecgmodel.support import plugins, stopping
from ecgmodel.support.machine import cores
from ecgmodel.support.progress import bar
from ecgmodel.training import checkpoint
from ecgmodel.training.averaging import AveragingAdam, averaged
from ecgmodel.training.batches import Batches
from ecgmodel.training.feeding import feed
from ecgmodel.training.precision import computing
from ecgmodel.training.schedule import Schedule
from ecgmodel.training.settings import TrainingSettings

Row = dict[str, float]
OnStart = Callable[[list[Row]], None]
OnEpoch = Callable[[int, Row], None]

NETWORK, WEIGHTS, HISTORY = "model.keras", "model.weights.h5", "history.json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class History:
    """Result of a training.

    Attributes:
        rows: One map per epoch: "epoch" (from 1), "loss", "val_loss", "learning_rate".
        best_epoch: Epoch whose weights were saved; 0 for the initial weights.
        best_loss: Validation loss of that epoch.
        stopped_early: Whether patience ended the training before the last epoch.
        parameters: Number of parameters of the network.
        seconds: Duration of all epochs, validation included, over all resumptions. Not compared,
            and not written to `history.json`.
        machine: Machine of the last epoch, e.g. "2 CPU cores". Not compared, not written.
    """

    rows: list[Row]
    best_epoch: int
    best_loss: float
    stopped_early: bool
    parameters: int
    seconds: float = field(default=0.0, compare=False)
    machine: str = field(default="", compare=False)

    @property
    def facts(self) -> dict[str, Any]:
        """All attributes except the rows, for the manifest of a training."""
        facts = {name: value for name, value in asdict(self).items() if name != "rows"}
        return {**facts, "epochs": len(self.rows)}


@dataclass
class _Run:
    """A training in progress: the model and all other state that the next epoch depends on."""

    model: keras.Model
    settings: TrainingSettings
    identity: dict[str, Any]
    schedule: Schedule
    best: list[NDArray[Any]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def epoch(self) -> int:
        """Number of completed epochs."""
        return len(self.rows)

    @property
    def is_over(self) -> bool:
        """Whether the training is complete."""
        return self.epoch >= self.settings.epochs or self.schedule.is_over(self.settings)


def train(
    build: Callable[[], keras.Model],
    batches: Batches,
    validation: Batches,
    work: Path,
    settings: TrainingSettings | None = None,
    *,
    on_start: OnStart | None = None,
    on_epoch: OnEpoch | None = None,
    progress: bool = False,
    trained: bool = False,
) -> History:
    """Fit a network and save the best epoch.

    Writes `model.keras`, `model.weights.h5`, `history.json` and checkpoints to `work`. A training
    resumes from its checkpoint; a checkpoint of other settings or data is ignored.

    Args:
        build: Returns a new network; called once, after the seed is set.
        batches: Training windows.
        validation: Validation windows, which select the epoch that is saved; not shuffled.
        work: Folder of the training; created if it does not exist.
        settings: Settings of the training.
        on_start: Called once with the rows of the epochs completed before.
        on_epoch: Called after each further epoch with its number (from 1) and its row, once its
            checkpoint is on disk. After a kill in between, the row is passed to `on_start`.
        progress: Whether to show a progress bar.
        trained: Whether `build` returns a trained network, which only a better epoch replaces.

    Returns:
        The history, restored epochs included.

    Raises:
        ModelError: A loss is not finite.

    Example:
        >>> train(lambda: build_network("conv_autoencoder"), batches, validation, Path("run"))
    """
    settings = settings or TrainingSettings()
    keras.utils.set_random_seed(settings.seed)
    run = _begin(build(), batches, validation, settings)
    folder = work / checkpoint.FOLDER
    _resume(run, folder)
    if run.epoch == 0:
        if trained:
            _validate_start(run, validation)
        _save(run, folder)
    if on_start:
        on_start([dict(row) for row in run.rows])
    shown = _Bar(len(batches), run.epoch, settings.epochs, progress)
    while not run.is_over:
        row = _one_epoch(run, batches, validation, shown)
        _save(run, folder)
        if on_epoch:
            on_epoch(run.epoch, dict(row))
    shown.close()
    return _finish(run, work)


def _begin(
    model: keras.Model, batches: Batches, validation: Batches, settings: TrainingSettings
) -> _Run:
    optimizer = AveragingAdam(settings.learning_rate, settings.averaging, settings.clip_norm)
    loss = plugins.load("losses", settings.loss, "loss").Loss()
    model.compile(optimizer, loss, jit_compile=_jit())
    optimizer.build(model.trainable_variables)
    # The other schedules depend on the number of epochs; "plateau" can be continued for more.
    ignored = {"epochs"} if settings.schedule == "plateau" else None
    identity = settings.model_dump(mode="json", exclude=ignored) | {
        "batches": [len(batches), len(validation)],
        "samples": batches.samples,
    }
    return _Run(model, settings, identity, Schedule(settings.learning_rate))


def _jit() -> bool | str:
    """Return whether to compile with XLA, which slows training down under TensorFlow on CPUs."""
    is_tensorflow = keras.backend.backend() == "tensorflow"
    return False if is_tensorflow and not keras.distribution.list_devices("gpu") else "auto"


def _one_epoch(run: _Run, batches: Batches, validation: Batches, shown: _Bar) -> Row:
    start = time.perf_counter()
    epoch = run.epoch + 1
    model, schedule = run.model, run.schedule
    rate = _RateSetter(schedule, run.settings, run.epoch, len(batches))
    with computing(run.settings.precision):
        fitted = model.fit(feed(batches, epoch), shuffle=False, verbose=0, callbacks=[rate, shown])
    with averaged(model):
        val_loss = model.evaluate(feed(validation, epoch), verbose=0)
        row: Row = {
            "epoch": epoch,
            "loss": float(fitted.history["loss"][-1]),
            "val_loss": float(val_loss),
            "learning_rate": rate.last,
        }
        _check_finite(row)
        is_best = schedule.update(epoch, row["val_loss"], run.settings)
        if is_best or run.settings.keep == "last":
            run.best = [keras.ops.convert_to_numpy(w).copy() for w in model.weights]
    run.rows.append(row)
    run.seconds += time.perf_counter() - start
    shown.show(row)
    return row


def _validate_start(run: _Run, validation: Batches) -> None:
    """Validate the initial weights, and take them as the best so far."""
    loss = float(run.model.evaluate(feed(validation, 0), verbose=0))
    if run.schedule.update(0, loss, run.settings):
        run.best = [keras.ops.convert_to_numpy(w).copy() for w in run.model.weights]


def _check_finite(row: Row) -> None:
    if not (math.isfinite(row["loss"]) and math.isfinite(row["val_loss"])):
        raise ModelError(
            f"Epoch {row['epoch']}: the loss is {row['loss']} and the validation loss "
            f"{row['val_loss']}; expected finite numbers. Lower training.learning_rate (now "
            f"{row['learning_rate']:g}), or check the dataset for windows that are not finite."
        )


def _state(run: _Run) -> dict[str, Any]:
    """Return the variables of a checkpoint by name.

    Unlike `model.weights`, `model.variables` includes the states of the random generators of all
    layers, which Keras does not save in its own files.
    """
    variables = {"model": run.model.variables, "optimizer": run.model.optimizer.variables}
    return {f"{kind}/{i:04d}": v for kind, many in variables.items() for i, v in enumerate(many)}


def _save(run: _Run, folder: Path) -> None:
    arrays = {
        name: keras.ops.convert_to_numpy(variable).copy() for name, variable in _state(run).items()
    }
    arrays |= {f"best/{i:04d}": value for i, value in enumerate(run.best)}
    facts = {
        "identity": run.identity,
        "schedule": asdict(run.schedule),
        "rows": run.rows,
        "seconds": run.seconds,
    }
    checkpoint.save(folder, run.epoch, arrays, facts)


def _resume(run: _Run, folder: Path) -> None:
    """Restore a run from the newest checkpoint, if that has the same settings and data."""
    found = checkpoint.load(folder)
    if found is None:
        return
    state = _state(run)
    shapes = {name: tuple(variable.shape) for name, variable in state.items()}
    saved = {n: a.shape for n, a in found.arrays.items() if not n.startswith("best/")}
    if found.facts["identity"] != run.identity or saved != shapes:
        _log.warning(
            "The checkpoints in %s were made with other settings, data or another network. "
            "They are ignored, and the training starts again from epoch 1.",
            folder,
        )
        return
    for name, variable in state.items():
        variable.assign(found.arrays[name])
    run.best = [found.arrays[name] for name in sorted(found.arrays) if name.startswith("best/")]
    run.schedule = Schedule(**found.facts["schedule"])
    run.rows = found.facts["rows"]
    run.seconds = found.facts["seconds"]


def _finish(run: _Run, work: Path) -> History:
    """Save the best network, without its optimiser, and the history."""
    for weight, value in zip(run.model.weights, run.best, strict=True):
        weight.assign(value)
    run.model.compile(optimizer=None, loss=None)
    run.model.compiled = False  # else keras.models.load_model expects an optimiser, and fails
    save_network(run.model, work / NETWORK)
    run.model.save_weights(work / WEIGHTS)
    schedule = run.schedule
    stopped = run.epoch < run.settings.epochs
    best_epoch, best_loss = schedule.best_epoch, schedule.best
    if run.settings.keep == "last":
        best_epoch, best_loss = run.epoch, run.rows[-1]["val_loss"]
    parameters = run.model.count_params()
    history = History(run.rows, best_epoch, best_loss, stopped, parameters, run.seconds, _machine())
    # Duration and machine are left out, so that the same training gives the same file.
    written = {k: v for k, v in asdict(history).items() if k not in ("seconds", "machine")}
    (work / HISTORY).write_text(json.dumps(written, indent=1) + "\n")
    return history


def _machine() -> str:
    try:
        gpus = keras.distribution.list_devices("gpu")
    except RuntimeError:  # JAX without a GPU driver
        gpus = []
    return f"{len(gpus)} GPU{'s' if len(gpus) > 1 else ''}" if gpus else cores()


class _RateSetter(keras.callbacks.Callback):
    """Sets the learning rate of each step."""

    async_safe = True

    def __init__(
        self, schedule: Schedule, settings: TrainingSettings, done: int, batches: int
    ) -> None:
        super().__init__()
        self._schedule, self._settings = schedule, settings
        self._done, self._batches = done, batches
        self.last = schedule.learning_rate

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set the learning rate of this step."""
        done = self._done + (batch + 1) / self._batches
        self.last = self._schedule.rate(done, self._settings)
        self.model.optimizer.learning_rate = self.last


class _Bar(keras.callbacks.Callback):
    """A progress bar over the batches of all epochs; also checks for a request to stop."""

    async_safe = True  # reads no results, so that Keras does not wait for them

    def __init__(self, batches: int, done: int, epochs: int, shown: bool) -> None:
        super().__init__()
        self._bar = bar(batches * epochs, "training", "batch", batches * done, shown)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Advance the bar, and stop the training if that was requested."""
        self._bar.update()
        stopping.check()

    def show(self, row: Row) -> None:
        """Show the losses of an epoch."""
        self._bar.set_postfix(
            {"epoch": int(row["epoch"]), "loss": row["loss"], "val_loss": row["val_loss"]}
        )

    def close(self) -> None:
        """Close the bar."""
        self._bar.close()
