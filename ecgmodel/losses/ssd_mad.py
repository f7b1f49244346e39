"""DeepFilter's loss: the sum of squared errors plus 50 times the largest squared error.

Romero F.P. et al. (2021), Biomed. Signal Process. Control 70:102992.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

LARGEST = 50.0


class Loss(keras.losses.Loss):
    """Sum of squared errors + `LARGEST` x largest squared error, mV^2, averaged over windows."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return each window's loss, `(windows,)`, from signals `(windows, samples, 1)` in mV."""
        squares = ops.square(ops.subtract(y_pred, y_true))
        worst = ops.max(squares, axis=(1, 2))
        return ops.add(ops.sum(squares, axis=(1, 2)), ops.multiply(LARGEST, worst))
