"""When to lower the learning rate and when to stop: plain state that a checkpoint can hold."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ecgmodel.training.settings import TrainingSettings

HELD = 0.5
"""Share of a training over which the schedule "hold" keeps its first rate."""


@dataclass
class Schedule:
    """Watches the validation loss, epoch by epoch.

    Any lower loss is the best so far; only one lower by `min_delta` ends the waiting, so that
    gains too small to see cannot keep a training going.

    Attributes:
        learning_rate: What the next epoch uses.
        best: Lowest validation loss so far.
        best_epoch: Its epoch, counted from 1; 0 before the first.
        mark: The loss that a counting gain is measured from.
        waited: Epochs since the last counting gain.
        waited_here: The same, but also started again by a lower learning rate.
    """

    learning_rate: float
    best: float = math.inf
    best_epoch: int = 0
    mark: float = math.inf
    waited: int = 0
    waited_here: int = 0

    def update(self, epoch: int, loss: float, settings: TrainingSettings) -> bool:
        """Take in an epoch's validation loss, and return whether it is the best so far."""
        is_best = loss < self.best
        if is_best:
            self.best, self.best_epoch = loss, epoch
        if loss < self.mark * (1 - settings.min_delta):
            self.mark, self.waited, self.waited_here = loss, 0, 0
        else:
            self.waited += 1
            self.waited_here += 1
        if settings.schedule == "plateau" and settings.plateau_patience:
            self._lower_on_plateau(settings)
        return is_best

    def rate(self, done: float, settings: TrainingSettings) -> float:
        """Return the learning rate of a step.

        Args:
            done: Epochs that are done after it, parts of one included.
            settings: The training's.
        """
        rate = self.learning_rate
        low = min(settings.min_learning_rate, rate)
        if settings.schedule == "cosine":
            rate = low + (rate - low) * (1 + math.cos(math.pi * done / settings.epochs)) / 2
        elif settings.schedule == "hold":
            left = (settings.epochs - done) / (settings.epochs * (1 - HELD))
            rate = low + (rate - low) * min(1.0, max(0.0, left))
        warm = settings.warmup_epochs
        return rate * min(1.0, done / warm) if warm else rate

    def is_over(self, settings: TrainingSettings) -> bool:
        """Return whether training has waited long enough for a gain."""
        return (
            settings.schedule == "plateau"
            and settings.patience is not None
            and self.waited >= settings.patience
        )

    def _lower_on_plateau(self, settings: TrainingSettings) -> None:
        if settings.plateau_patience and self.waited_here >= settings.plateau_patience:
            lower = max(self.learning_rate * settings.plateau_factor, settings.min_learning_rate)
            self.learning_rate = min(self.learning_rate, lower)
            self.waited_here = 0
