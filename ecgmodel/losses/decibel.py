"""The SNR that is left, in decibels: every halving of an error counts the same.

A relative error is large where noise is strong, so that a model which learns it forgets to leave
good signals alone; here 1 dB is worth as much at an SNR of 20 dB as at one of -10 dB.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

FLOOR = 1e-3  # of the signal's power: 30 dB, beyond which nothing is gained
SMALL_MV2 = 1e-4  # mV^2: power that a flat window counts as having
PER_DECIBEL = 10 / 2.302585092994046


class Loss(keras.losses.Loss):
    """10 log10(mean squared error / power + `FLOOR`) + 30, in dB: 0 for a perfect window.

    The power is that of the clean window without its mean, + `SMALL_MV2`. Averaged over windows.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return each window's loss, `(windows,)`, from signals `(windows, samples, 1)` in mV."""
        return decibels_left(ops.squeeze(y_true, -1), ops.squeeze(y_pred, -1))


def decibels_left(clean: Any, output: Any, floor: float = FLOOR) -> Any:
    """Return each row's error against its power, in dB above `floor`, `(rows,)`.

    Args:
        clean: `(rows, samples)`, mV.
        output: The same, denoised.
        floor: Share of the power beyond which nothing is gained.
    """
    error = ops.mean(ops.square(ops.subtract(output, clean)), axis=1)
    centred = ops.subtract(clean, ops.mean(clean, axis=1, keepdims=True))
    power = ops.add(ops.mean(ops.square(centred), axis=1), SMALL_MV2)
    share = ops.divide(error, power)
    return ops.multiply(PER_DECIBEL, ops.log(ops.add(ops.divide(share, floor), 1.0)))
