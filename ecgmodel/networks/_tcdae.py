"""Layers of TCDAE: gate noise and positional encoding."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

BASE = 10_000.0


@keras.saving.register_keras_serializable(package="ecgmodel")
class GateNoise(keras.layers.Layer):
    """Multiplies by 1 + u, u uniform in [-1, 1), during training; the identity in inference.

    Args:
        seed: Seed of the noise.
        **kwargs: For `keras.layers.Layer`.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, x: Any, training: bool = False) -> Any:
        """Return `x`, with noise during training."""
        if not training:
            return x
        factor = keras.random.uniform(ops.shape(x), 0.0, 2.0, dtype=x.dtype, seed=self.generator)
        return ops.multiply(x, factor)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate this layer."""
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable(package="ecgmodel")
class Positions(keras.layers.Layer):
    """Adds a sinusoidal positional encoding.

    Channel 2j is sin(p * BASE^(-2j / scale)), channel 2j + 1 the cosine, p from 0 (Vaswani et al.
    2017, with the number of channels as `scale`). It is computed for the length of the input, so
    every length is accepted.

    Args:
        scale: Number of channels over which the frequency falls from 1 to 1 / `BASE`.
        **kwargs: For `keras.layers.Layer`.
    """

    def __init__(self, scale: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, x: Any) -> Any:
        """Return `(windows, positions, channels)` with the encoding added; channels are even."""
        frequency = BASE ** (-ops.arange(0, x.shape[-1], 2, dtype="float32") / self.scale)
        position = ops.arange(ops.shape(x)[1], dtype="float32")
        angle = ops.multiply(ops.expand_dims(position, 1), ops.expand_dims(frequency, 0))
        waves = ops.stack([ops.sin(angle), ops.cos(angle)], axis=-1)
        return ops.add(x, ops.reshape(waves, (1, -1, x.shape[-1])))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate this layer."""
        return {**super().get_config(), "scale": self.scale}
