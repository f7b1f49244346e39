"""Adam with a moving average of the weights, computed on all weights as one vector.

A network of many small layers has over a hundred variables. Launching a dozen operations for each
takes TensorFlow longer than computing them; on one vector, a step of `strided_unet` on eight
windows takes half the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from math import prod
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7  # Kingma and Ba 2015; Keras's epsilon


@keras.saving.register_keras_serializable(package="ecgmodel")
class AveragingAdam(keras.optimizers.Optimizer):
    """Adam (Kingma and Ba 2015) with an exponential moving average of the trainable weights.

    At step t (from 0) the decay is min(decay, t / (t + 10)), so that the average follows the first
    steps closely and forgets the random initial weights within a few hundred (the rule of
    TensorFlow's `ExponentialMovingAverage`, started one step earlier). The average of Keras has no
    such warm-up, and `fit` overwrites the weights with it when it returns.

    Args:
        learning_rate: Step size.
        decay: Decay of the average per step; None disables the average.
        clip_norm: Clip gradients to this global norm; None disables clipping.
        name: Name of the optimiser.
    """

    def __init__(
        self,
        learning_rate: float = 1e-3,
        decay: float | None = None,
        clip_norm: float | None = None,
        name: str = "averaging_adam",
    ) -> None:
        super().__init__(learning_rate=learning_rate, name=name)
        self.decay, self.clip_norm = decay, clip_norm
        self._shapes: list[tuple[int, ...]] = []

    def build(self, variables: list[Any]) -> None:
        """Create Adam's state and the average, so that both are saved together."""
        if self.built:
            return
        super().build(variables)
        self._shapes = [tuple(v.shape) for v in variables]
        size = (sum(map(prod, self._shapes)),)
        kinds = ("momentum", "velocity", *(() if self.decay is None else ("average",)))
        made = {kind: self.add_variable(size, "zeros", "float32", name=kind) for kind in kinds}
        self._momentum, self._velocity = made["momentum"], made["velocity"]
        self._average = made.get("average")

    def _backend_update_step(
        self, grads: Any, trainable_variables: Any, learning_rate: Any
    ) -> None:
        """Update all weights, then their average."""
        if len(grads) != len(self._shapes):
            raise ValueError(f"Expected {len(self._shapes)} gradients. Received: {len(grads)}")
        done = ops.cast(self.iterations, "float32")
        gradient, weights = _flat(grads), _flat(trainable_variables)
        if self.clip_norm is not None:
            norm = ops.sqrt(ops.sum(ops.square(gradient)))
            gradient = ops.multiply(gradient, self.clip_norm / ops.maximum(norm, self.clip_norm))
        change = self._adam(gradient, ops.add(done, 1.0), ops.cast(learning_rate, "float32"))
        weights = ops.subtract(weights, change)
        for variable, value in zip(trainable_variables, self._parts(weights), strict=True):
            self.assign(variable, value)
        if self._average is not None:
            decay = ops.minimum(self.decay, ops.divide(done, ops.add(done, 10.0)))
            gap = ops.subtract(weights, self._average)
            self.assign_add(self._average, ops.multiply(ops.subtract(1.0, decay), gap))

    def _adam(self, gradient: Any, step: Any, rate: Any) -> Any:
        """Return the update to subtract from the weights."""
        m, v = self._momentum, self._velocity
        mean = ops.add(m, ops.multiply(ops.subtract(gradient, m), 1 - BETA_1))
        square = ops.add(v, ops.multiply(ops.subtract(ops.square(gradient), v), 1 - BETA_2))
        self.assign(m, mean)
        self.assign(v, square)
        grown = ops.sqrt(ops.subtract(1.0, ops.power(BETA_2, step)))
        size = ops.divide(ops.multiply(rate, grown), ops.subtract(1.0, ops.power(BETA_1, step)))
        return ops.divide(ops.multiply(mean, size), ops.add(ops.sqrt(square), EPSILON))

    def _parts(self, flat: Any) -> list[Any]:
        """Return a vector split into the shapes of the weights."""
        ends = list(accumulate(map(prod, self._shapes)))
        pieces = ops.split(flat, ends[:-1]) if len(ends) > 1 else [flat]
        return [ops.reshape(p, shape) for p, shape in zip(pieces, self._shapes, strict=True)]

    def averages(self) -> list[NDArray[np.float32]]:
        """Return the averages of the weights, in their order; empty if averaging is disabled."""
        if self._average is None:
            return []
        return [ops.convert_to_numpy(x).copy() for x in self._parts(self._average)]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate this optimiser."""
        config = super().get_config()
        known = {name: config[name] for name in ("learning_rate", "name")}
        return {**known, "decay": self.decay, "clip_norm": self.clip_norm}


def _flat(tensors: Sequence[Any]) -> Any:
    return ops.concatenate([ops.reshape(tensor, (-1,)) for tensor in tensors])


@contextmanager
def averaged(model: keras.Model) -> Iterator[None]:
    """Replace the model's weights with their averages while the block runs.

    State that is not trained by gradients (statistics of batch normalisation) is not replaced.
    """
    averages = model.optimizer.averages()
    if not averages:
        yield
        return
    weights = model.trainable_variables
    originals = [keras.ops.convert_to_numpy(w).copy() for w in weights]
    for weight, average in zip(weights, averages, strict=True):
        weight.assign(average)
    try:
        yield
    finally:
        for weight, value in zip(weights, originals, strict=True):
            weight.assign(value)
