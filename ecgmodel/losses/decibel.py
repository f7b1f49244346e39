"""Error power relative to signal power, in decibels.

Halving the error lowers the loss by the same amount at every SNR. A relative error would be
dominated by windows with strong noise, and the network would distort good signals.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

FLOOR = 1e-3  # share of the signal's power: an output SNR above 30 dB lowers the loss no further
SMALL_MV2 = 1e-4  # mV^2: added to the power, for flat windows
PER_DECIBEL = 10 / 2.302585092994046


class Loss(keras.losses.Loss):
    """10 log10(mean squared error / power + `FLOOR`) + 30, in dB: 0 for a perfect window.

    The power is that of the clean window without its mean, + `SMALL_MV2`. Averaged over windows.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return each window's loss, `(windows,)`, from signals `(windows, samples, 1)` in mV."""
        return decibels_left(ops.squeeze(y_true, -1), ops.squeeze(y_pred, -1))


def decibels_left(clean: Any, output: Any, floor: float = FLOOR) -> Any:
    """Return each row's error power relative to its signal power, dB above `floor`, `(rows,)`.

    Args:
        clean: `(rows, samples)`, mV.
        output: The same, denoised.
        floor: Share of the signal power below which a smaller error hardly changes the loss.
    """
    error = ops.mean(ops.square(ops.subtract(output, clean)), axis=1)
    centred = ops.subtract(clean, ops.mean(clean, axis=1, keepdims=True))
    power = ops.add(ops.mean(ops.square(centred), axis=1), SMALL_MV2)
    share = ops.divide(error, power)
    return ops.multiply(PER_DECIBEL, ops.log(ops.add(ops.divide(share, floor), 1.0)))
