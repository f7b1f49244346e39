"""Fits a network, epoch by epoch, from the last checkpoint on if there is one.

After each epoch everything that the next one depends on is on disk: weights, Adam's state, the
average of weights, random generators, patience, learning rate, history. On one CPU machine a
training that was killed and started again gives the same numbers, to the bit, as one that was not.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
from numpy.typing import NDArray

from ecgmodel.errors import ModelError
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

CHECKPOINTS = "checkpoints"
NETWORK, WEIGHTS, HISTORY = "model.keras", "model.weights.h5", "history.json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class History:
    """What a training went through.

    Attributes:
        rows: One map an epoch: "epoch" (from 1), "loss", "val_loss", "learning_rate".
        best_epoch: The epoch whose weights were kept; 0 are those that it started from.
        best_loss: Its validation loss.
        stopped_early: Whether patience ended it.
        parameters: Weights of the network.
        seconds: What its epochs took, validation included, over all resumptions; no part of what
            makes two trainings equal, nor of `history.json`.
        machine: What the last of them ran on, e.g. "2 CPU cores"; likewise.
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
        """All but the rows, for the manifest of a training."""
        facts = {name: value for name, value in asdict(self).items() if name != "rows"}
        return {**facts, "epochs": len(self.rows)}


@dataclass
class _Run:
    """A training under way: the model and everything beside it that decides what comes next."""

    model: keras.Model
    settings: TrainingSettings
    identity: dict[str, Any]
    schedule: Schedule
    best: list[NDArray[Any]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def epoch(self) -> int:
        """Epochs that are done."""
        return len(self.rows)

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to do."""
        return self.epoch >= self.settings.epochs or self.schedule.is_over(self.settings)


def train(
    build: Callable[[], keras.Model],
    batches: Batches,
    validation: Batches,
    work: Path,
    settings: TrainingSettings | None = None,
    *,
    extra: Mapping[str, Any] | None = None,
    on_start: OnStart | None = None,
    on_epoch: OnEpoch | None = None,
    progress: bool = False,
    trained: bool = False,
) -> History:
    """Fit a network and write the best one found.

    `work` then holds `model.keras`, `model.weights.h5`, `history.json` and the checkpoints, from
    which an interrupted call goes on. One made with other settings or data is not used.

    Args:
        build: Returns a new network; called once, after the seed is set.
        batches: Training windows.
        validation: Validation windows, which choose the epoch that is kept; not shuffled.
        work: The training's folder; made if it is not there.
        settings: How to fit.
        extra: Facts to keep in the checkpoints, e.g. the id of a tracking run; see `peek`.
        on_start: Called once with the rows of the epochs that are already done.
        on_epoch: Called after each further epoch with its number (from 1) and its row, when its
            checkpoint is on disk. After a kill in between, the row comes through `on_start`.
        progress: Whether to show a progress bar.
        trained: Whether `build` returns a trained network, which no worse epoch replaces.

    Returns:
        What it went through, restored epochs included.

    Raises:
        ModelError: A loss is not finite.

    Example:
        >>> train(lambda: build_network("conv_autoencoder"), batches, validation, Path("run"))
    """
    settings = settings or TrainingSettings()
    keras.utils.set_random_seed(settings.seed)
    run = _begin(build(), batches, validation, settings)
    folder = work / CHECKPOINTS
    _resume(run, folder)
    run.extra |= extra or {}
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


def peek(work: Path) -> dict[str, Any]:
    """Return the `extra` facts in the checkpoint that `train` would go on from, or {}."""
    found = checkpoint.load(work / CHECKPOINTS)
    return dict(found.facts["extra"]) if found else {}


def _begin(
    model: keras.Model, batches: Batches, validation: Batches, settings: TrainingSettings
) -> _Run:
    optimizer = AveragingAdam(settings.learning_rate, settings.averaging, settings.clip_norm)
    loss = plugins.load("losses", settings.loss, "loss").Loss()
    model.compile(optimizer, loss, jit_compile=_jit())
    optimizer.build(model.trainable_variables)
    # Other schedules know their end; what falls on a plateau can go on for longer.
    free = {"epochs"} if settings.schedule == "plateau" else None
    identity = settings.model_dump(mode="json", exclude=free) | {
        "batches": [len(batches), len(validation)],
        "samples": batches.samples,
    }
    return _Run(model, settings, identity, Schedule(settings.learning_rate))


def _jit() -> bool | str:
    """Return whether to compile with XLA: under TensorFlow on CPUs it makes training slower."""
    is_tensorflow = keras.backend.backend() == "tensorflow"
    return False if is_tensorflow and not keras.distribution.list_devices("gpu") else "auto"


def _one_epoch(run: _Run, batches: Batches, validation: Batches, shown: _Bar) -> Row:
    start = time.perf_counter()
    epoch = run.epoch + 1
    model, schedule = run.model, run.schedule
    pace = _Pace(schedule, run.settings, run.epoch, len(batches))
    with computing(run.settings.precision):
        fitted = model.fit(feed(batches, epoch), shuffle=False, verbose=0, callbacks=[pace, shown])
    with averaged(model):
        val_loss = model.evaluate(feed(validation, epoch), verbose=0)
        row: Row = {
            "epoch": epoch,
            "loss": float(fitted.history["loss"][-1]),
            "val_loss": float(val_loss),
            "learning_rate": pace.last,
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
    """Take the network as it is for the best one so far."""
    loss = float(run.model.evaluate(feed(validation, 0), verbose=0))
    if run.schedule.update(0, loss, run.settings):
        run.best = [keras.ops.convert_to_numpy(w).copy() for w in run.model.weights]


def _check_finite(row: Row) -> None:
    if not (math.isfinite(row["loss"]) and math.isfinite(row["val_loss"])):
        raise ModelError(
            f"Epoch {row['epoch']}: the loss is {row['loss']}, the validation loss "
            f"{row['val_loss']}; expected finite numbers. Lower training.learning_rate (now "
            f"{row['learning_rate']:g}), or look for windows that are not finite."
        )


def _state(run: _Run) -> dict[str, Any]:
    """Return the variables that a checkpoint holds, by name.

    `model.variables` are the weights and, unlike `model.weights`, the states of the random
    generators of all layers, which Keras's own files leave out.
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
        "extra": run.extra,
        "seconds": run.seconds,
    }
    checkpoint.save(folder, run.epoch, arrays, facts)


def _resume(run: _Run, folder: Path) -> None:
    """Put a run where the newest checkpoint that fits it left off; without one, leave it."""
    found = checkpoint.load(folder)
    if found is None:
        return
    state = _state(run)
    shapes = {name: tuple(variable.shape) for name, variable in state.items()}
    saved = {n: a.shape for n, a in found.arrays.items() if not n.startswith("best/")}
    if found.facts["identity"] != run.identity or saved != shapes:
        _log.warning(
            "The checkpoints in %s belong to other settings, data or another network; "
            "the training starts again.",
            folder,
        )
        return
    for name, variable in state.items():
        variable.assign(found.arrays[name])
    run.best = [found.arrays[name] for name in sorted(found.arrays) if name.startswith("best/")]
    run.schedule = Schedule(**found.facts["schedule"])
    run.rows = found.facts["rows"]
    run.extra = found.facts["extra"]
    run.seconds = found.facts["seconds"]


def _finish(run: _Run, work: Path) -> History:
    """Write the best network, without its optimiser, and the history."""
    for weight, value in zip(run.model.weights, run.best, strict=True):
        weight.assign(value)
    run.model.compile(optimizer=None, loss=None)
    run.model.compiled = False  # else Keras's own load_model looks for an optimiser, and fails
    run.model.save(work / NETWORK)
    run.model.save_weights(work / WEIGHTS)
    schedule = run.schedule
    stopped = run.epoch < run.settings.epochs
    best_epoch, best_loss = schedule.best_epoch, schedule.best
    if run.settings.keep == "last":
        best_epoch, best_loss = run.epoch, run.rows[-1]["val_loss"]
    parameters = run.model.count_params()
    history = History(run.rows, best_epoch, best_loss, stopped, parameters, run.seconds, _machine())
    # The same training gives the same file, however long it took.
    written = {k: v for k, v in asdict(history).items() if k not in ("seconds", "machine")}
    (work / HISTORY).write_text(json.dumps(written, indent=1) + "\n")
    return history


def _machine() -> str:
    try:
        gpus = keras.distribution.list_devices("gpu")
    except RuntimeError:  # JAX has no list of what it has no driver for
        gpus = []
    return f"{len(gpus)} GPU{'s' if len(gpus) > 1 else ''}" if gpus else cores()


class _Pace(keras.callbacks.Callback):
    """Sets each step's learning rate."""

    async_safe = True

    def __init__(
        self, schedule: Schedule, settings: TrainingSettings, done: int, batches: int
    ) -> None:
        super().__init__()
        self._schedule, self._settings = schedule, settings
        self._done, self._batches = done, batches
        self.last = schedule.learning_rate

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set the rate of the step that begins."""
        done = self._done + (batch + 1) / self._batches
        self.last = self._schedule.rate(done, self._settings)
        self.model.optimizer.learning_rate = self.last


class _Bar(keras.callbacks.Callback):
    """A progress bar over the batches of all epochs, and the place where they may be stopped."""

    async_safe = True  # it reads no result, so Keras need not wait for any

    def __init__(self, batches: int, done: int, epochs: int, shown: bool) -> None:
        super().__init__()
        self._bar = bar(batches * epochs, "training", "batch", batches * done, shown)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Move on."""
        self._bar.update()
        stopping.check()

    def show(self, row: Row) -> None:
        """Show an epoch's losses."""
        self._bar.set_postfix(
            {"epoch": int(row["epoch"]), "loss": row["loss"], "val_loss": row["val_loss"]}
        )

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()
