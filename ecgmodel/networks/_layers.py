"""Layers shared by several architectures, registered with Keras so that saved networks load."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

# mV, a hundredth of a small P wave. Windows with a smaller standard deviation are not scaled up, so
# that their rounding noise is not amplified.
FLAT_MV = 1e-3
SQRT_HALF = 0.7071067811865476


def gelu(x: Any) -> Any:
    """Return the GELU of x, computed from `erf` so that it can be exported to ONNX.

    Keras's own GELU uses TensorFlow's Erfc, which has no ONNX equivalent.
    """
    return ops.multiply(ops.multiply(0.5, x), ops.add(1.0, ops.erf(ops.multiply(x, SQRT_HALF))))


keras.saving.register_keras_serializable(package="ecgmodel")(gelu)


@keras.saving.register_keras_serializable(package="ecgmodel")
class Standardise(keras.layers.Layer):
    """Standardises each window to mean 0 and standard deviation 1.

    Input: `(windows, samples, 1)` in mV. Outputs: the standardised windows, of the same shape, and
    their standard deviation and mean, each `(windows, 1, 1)` in mV. The standard deviation is
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
    """Scales standardised windows back to mV, and optionally adds their mean.

    Inputs: `(z, deviation, mean)`, the outputs of `Standardise`.

    Args:
        offset: Whether to add the mean.
        **kwargs: For `keras.layers.Layer`.
    """

    def __init__(self, offset: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.offset = offset

    def call(self, z: Any, deviation: Any, mean: Any) -> Any:
        """Return the windows in mV."""
        signal = ops.multiply(z, deviation)
        # Subtract, never add: under TensorFlow, Keras 3.15 treats an added (windows, 1, 1) as a
        # bias whenever the number of windows equals that of samples or channels.
        return ops.subtract(signal, ops.negative(mean)) if self.offset else signal

    def compute_output_shape(self, z_shape: Any, *_: Any, **__: Any) -> Any:
        """Return the windows' shape."""
        return z_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate this layer."""
        return {**super().get_config(), "offset": self.offset}


@keras.saving.register_keras_serializable(package="ecgmodel")
class Scale(keras.layers.Layer):
    """Multiplies each channel by a learned factor.

    Args:
        start: The initial factor.
        **kwargs: For `keras.layers.Layer`.
    """

    def __init__(self, start: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start = start

    def build(self, shape: Any) -> None:
        """Create the factors."""
        initial = keras.initializers.Constant(self.start)
        self.scale = self.add_weight(shape=(shape[-1],), initializer=initial, name="scale")

    def call(self, x: Any) -> Any:
        """Return the scaled channels."""
        return ops.multiply(x, self.scale)

    def compute_output_shape(self, shape: Any) -> Any:
        """Return the same shape."""
        return shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate this layer."""
        return {**super().get_config(), "start": self.start}


@keras.saving.register_keras_serializable(package="ecgmodel")
class LearnedPositions(keras.layers.Layer):
    """Adds a learned value per position and channel, initially zero."""

    def build(self, shape: Any) -> None:
        """Create the values."""
        self.table = self.add_weight(shape=tuple(shape[1:]), initializer="zeros", name="table")

    def call(self, x: Any) -> Any:
        """Return the sum."""
        return ops.add(x, self.table)

    def compute_output_shape(self, shape: Any) -> Any:
        """Return the same shape."""
        return shape
