"""The SNR that is left, in decibels, of the signal and of its slopes.

Strong electrode motion and drift are slow, so that in the signal's own error the QRS complex hardly
counts. Differences over 22 ms pass 10 to 35 Hz best: they are where beats are told from noise. See
`decibel` for why decibels.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from ecgmodel.losses.decibel import decibels_left

LAG = 8  # samples: 22 ms
SHARE = 0.5  # of the slopes in the loss
FLOOR = 1e-2  # of the slopes' power: recordings have noise of their own there


class Loss(keras.losses.Loss):
    """(1 - `SHARE`) x the signal's decibels + `SHARE` x its slopes'; 0 for a perfect window."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return each window's loss, `(windows,)`, from signals `(windows, samples, 1)` in mV."""
        clean, output = ops.squeeze(y_true, -1), ops.squeeze(y_pred, -1)
        slopes = decibels_left(_slopes(clean), _slopes(output), FLOOR)
        whole = decibels_left(clean, output)
        return ops.add(ops.multiply(1.0 - SHARE, whole), ops.multiply(SHARE, slopes))


def _slopes(rows: Any) -> Any:
    return ops.subtract(rows[:, LAG:], rows[:, :-LAG])
