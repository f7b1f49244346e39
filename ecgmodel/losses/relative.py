"""Error relative to the signal's amplitude, in RMS, shape and largest deviation.

Leads of low and high amplitude have equal weight, unlike in a loss in mV^2.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

LARGEST = 0.1
# mV; far below the standard deviation of an ECG (0.1 or more). Bounds the loss of flat windows.
SMALL_MV = 0.01
FLAT_MV = 1e-3  # signals below this RMS have no shape to compare
TINY = 1e-12  # mV^2; keeps the gradient of the square root finite at 0


class Loss(keras.losses.Loss):
    """RMSE / d + (1 - cosine of the signals without their means) + `LARGEST` x |worst error| / d.

    d is the clean window's standard deviation + `SMALL_MV`. Averaged over windows; dimensionless.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return each window's loss, `(windows,)`, from signals `(windows, samples, 1)` in mV."""
        clean, output = ops.squeeze(y_true, -1), ops.squeeze(y_pred, -1)
        error = ops.subtract(output, clean)
        a, b = (ops.subtract(x, ops.mean(x, axis=1, keepdims=True)) for x in (clean, output))
        size_a, size_b = _rms(a), _rms(b)
        deviation = ops.add(size_a, SMALL_MV)
        parts = ops.add(_rms(error), ops.multiply(LARGEST, ops.max(ops.abs(error), axis=1)))
        product = ops.mean(ops.multiply(a, b), axis=1)
        cosine = ops.divide(product, ops.add(ops.multiply(size_a, size_b), FLAT_MV**2))
        return ops.add(ops.divide(parts, deviation), ops.subtract(1.0, cosine))


def _rms(signals: Any) -> Any:
    """Return the root mean square of each row, `(windows,)`."""
    return ops.sqrt(ops.add(ops.mean(ops.square(signals), axis=1), TINY))
