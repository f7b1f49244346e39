"""Error power in decibels, of the signal and of its slopes.

Strong electrode motion and drift are slow and dominate the error of the signal itself, so that the
QRS complex hardly counts. Differences over 22 ms emphasise 10 to 35 Hz, where beats stand out from
noise. See `decibel` for the choice of decibels.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from ecgmodel.losses.decibel import decibels_left

LAG = 8  # samples: 22 ms
SHARE = 0.5  # weight of the slopes in the loss
FLOOR = 1e-2  # share of the slopes' power: recorded targets contain noise in this band


class Loss(keras.losses.Loss):
    """(1 - `SHARE`) x loss of the signal + `SHARE` x loss of its slopes; 0 for a perfect window."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return each window's loss, `(windows,)`, from signals `(windows, samples, 1)` in mV."""
        clean, output = ops.squeeze(y_true, -1), ops.squeeze(y_pred, -1)
        slopes = decibels_left(_slopes(clean), _slopes(output), FLOOR)
        whole = decibels_left(clean, output)
        return ops.add(ops.multiply(1.0 - SHARE, whole), ops.multiply(SHARE, slopes))


def _slopes(rows: Any) -> Any:
    return ops.subtract(rows[:, LAG:], rows[:, :-LAG])
