"""Adam that also keeps a moving average of the weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="ecgmodel")
class AveragingAdam(keras.optimizers.Adam):
    """Adam with an exponential moving average of the trainable weights.

    At step t (from 0) the decay is min(decay, t / (t + 10)): the average follows the first steps
    closely, and is no longer marked by the random start after a few hundred (the rule of
    TensorFlow's `ExponentialMovingAverage`, begun one step earlier). Keras's own average has no
    such start, and `fit` writes it over the weights whenever it returns.

    Args:
        learning_rate: Step size.
        decay: Share of the average that stays, a step; None keeps no average.
        **kwargs: For `keras.optimizers.Adam`.
    """

    def __init__(
        self, learning_rate: float = 1e-3, decay: float | None = None, **kwargs: Any
    ) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.decay = decay
        self.averages: list[Any] = []

    def build(self, variables: list[Any]) -> None:
        """Make the averages beside Adam's own state, so that both are saved together."""
        if self.built:
            return
        super().build(variables)
        if self.decay is not None:
            self.averages = self.add_optimizer_variables(variables, "average")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change a weight, then move its average towards it."""
        super().update_step(gradient, variable, learning_rate)
        if self.decay is None:
            return
        average = self.averages[self._get_variable_index(variable)]
        step = ops.cast(self.iterations, variable.dtype)
        decay = ops.minimum(self.decay, ops.divide(step, ops.add(step, 10.0)))
        gap = ops.subtract(variable, average)
        self.assign_add(average, ops.multiply(ops.subtract(1.0, decay), gap))

    def get_config(self) -> dict[str, Any]:
        """Return what makes this optimiser again."""
        return {**super().get_config(), "decay": self.decay}


@contextmanager
def averaged(model: keras.Model) -> Iterator[None]:
    """Put the averages into the model's place of weights while the block runs.

    State that is not trained by gradients (batch normalisation's statistics) stays as it is.
    """
    optimizer = model.optimizer
    if not optimizer.averages:
        yield
        return
    weights = model.trainable_variables
    kept = [keras.ops.convert_to_numpy(w).copy() for w in weights]
    for weight, average in zip(weights, optimizer.averages, strict=True):
        weight.assign(keras.ops.convert_to_numpy(average))  # a copy: JAX gives buffers away
    try:
        yield
    finally:
        for weight, value in zip(weights, kept, strict=True):
            weight.assign(value)
