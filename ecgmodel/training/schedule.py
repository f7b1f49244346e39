"""Learning-rate schedules and early stopping, as plain state that a checkpoint can hold."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ecgmodel.training.settings import TrainingSettings

HELD = 0.5
"""Share of the epochs over which the schedule "hold" keeps the learning rate constant."""


@dataclass
class Schedule:
    """Follows the validation loss epoch by epoch.

    Any lower loss is the new best. Only a decrease by `min_delta` counts as an improvement, so
    that negligible gains do not prolong a training.

    Attributes:
        learning_rate: Learning rate of the next epoch.
        best: Lowest validation loss so far.
        best_epoch: Its epoch, counted from 1; 0 before the first.
        mark: Loss at the last improvement, the reference for the next one.
        waited: Epochs since the last improvement.
        waited_here: Epochs since the last improvement or reduction of the learning rate.
    """

    learning_rate: float
    best: float = math.inf
    best_epoch: int = 0
    mark: float = math.inf
    waited: int = 0
    waited_here: int = 0

    def update(self, epoch: int, loss: float, settings: TrainingSettings) -> bool:
        """Record the validation loss of an epoch, and return whether it is the best so far."""
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
            done: Epochs completed after this step, fractions included.
            settings: Settings of the training.
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
        """Return whether the patience is used up."""
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
