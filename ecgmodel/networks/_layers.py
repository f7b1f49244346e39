"""Layers that several architectures share; registered, so that a saved network finds them."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

# Below this deviation (mV; a hundredth of a small P wave) a window counts as flat, and its
# rounding noise is not blown up.
FLAT_MV = 1e-3
SQRT_HALF = 0.7071067811865476


def gelu(x: Any) -> Any:
    """Return x times the normal distribution's share below x, from `erf`, which ONNX has.

    Keras's own becomes an operation under TensorFlow (Erfc) that cannot leave it.
    """
    return ops.multiply(ops.multiply(0.5, x), ops.add(1.0, ops.erf(ops.multiply(x, SQRT_HALF))))


keras.saving.register_keras_serializable(package="ecgmodel")(gelu)


@keras.saving.register_keras_serializable(package="ecgmodel")
class Standardise(keras.layers.Layer):
    """Takes each window's mean and deviation out.

    Input `(windows, samples, 1)` in mV; output the standardised windows, of the same shape, and
    their deviation and mean, each `(windows, 1, 1)` in mV. The deviation is
    sqrt(variance + `FLAT_MV`^2), so a flat window gives zeros.

    Example:
        >>> z, deviation, mean = Standardise()(noisy)
    """

    def call(self, noisy: Any) -> tuple[Any, Any, Any]:
        """Return standardised windows, deviation and mean."""
        mean = ops.mean(noisy, axis=1, keepdims=True)
        centred = ops.subtract(noisy, mean)
        variance = ops.mean(ops.square(centred), axis=1, keepdims=True)
        deviation = ops.sqrt(ops.add(variance, FLAT_MV**2))
        return ops.divide(centred, deviation), deviation, mean

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shapes of the three outputs."""
        each = (input_shape[0], 1, input_shape[2])
        return tuple(input_shape), each, each


@keras.saving.register_keras_serializable(package="ecgmodel")
class Restore(keras.layers.Layer):
    """Puts a window's deviation, and its mean if asked to, back: mV again.

    Call it with `(z, deviation, mean)`, shapes as `Standardise` gives them.

    Args:
        offset: Whether the mean is put back too.
        **kwargs: For `keras.layers.Layer`.
    """

    def __init__(self, offset: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.offset = offset

    def call(self, z: Any, deviation: Any, mean: Any) -> Any:
        """Return the windows in mV."""
        signal = ops.multiply(z, deviation)
        # Subtract, never add: under TensorFlow, Keras 3.15 takes an added (windows, 1, 1) for a
        # bias whenever there are as many windows as samples or channels.
        return ops.subtract(signal, ops.negative(mean)) if self.offset else signal

    def compute_output_shape(self, z_shape: Any, *_: Any, **__: Any) -> Any:
        """Return the windows' shape."""
        return z_shape

    def get_config(self) -> dict[str, Any]:
        """Return what makes this layer again."""
        return {**super().get_config(), "offset": self.offset}


@keras.saving.register_keras_serializable(package="ecgmodel")
class Scale(keras.layers.Layer):
    """Multiplies by one learned number a channel, `start` at first.

    Args:
        start: The first value.
        **kwargs: For `keras.layers.Layer`.
    """

    def __init__(self, start: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start = start

    def build(self, shape: Any) -> None:
        """Make the numbers."""
        initial = keras.initializers.Constant(self.start)
        self.scale = self.add_weight(shape=(shape[-1],), initializer=initial, name="scale")

    def call(self, x: Any) -> Any:
        """Return the scaled channels."""
        return ops.multiply(x, self.scale)

    def compute_output_shape(self, shape: Any) -> Any:
        """Return the same shape."""
        return shape

    def get_config(self) -> dict[str, Any]:
        """Return what makes this layer again."""
        return {**super().get_config(), "start": self.start}


@keras.saving.register_keras_serializable(package="ecgmodel")
class LearnedPositions(keras.layers.Layer):
    """Adds learned numbers that differ from position to position, zero at first."""

    def build(self, shape: Any) -> None:
        """Make the numbers, one a position and channel."""
        self.table = self.add_weight(shape=tuple(shape[1:]), initializer="zeros", name="table")

    def call(self, x: Any) -> Any:
        """Return the sum."""
        return ops.add(x, self.table)

    def compute_output_shape(self, shape: Any) -> Any:
        """Return the same shape."""
        return shape
