"""TCDAE's loss: Huber loss weighted by spectral dissimilarity, plus a cosine distance.

Chen M. et al. (2024), IEEE J. Biomed. Health Inform. 28:1993, and chchenmeng/ECG-denosing-by-TCDAE
for the constants. It follows the paper where the published code differs: the spectrum is taken
along time (the code transforms another axis, which compares squared signals), and the Huber loss
is continuous. The constant 1 is added, so that a perfect output has loss 0.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

CORNER_MV = 0.05
# mV^2, and mV^4 for spectra: keeps flat windows finite; far below measured values.
TINY = 1e-8


class Loss(keras.losses.Loss):
    """exp(1 - |r|) x Huber loss + 1 - cosine, averaged over windows.

    r is the correlation of the two power spectra (periodograms under a Hann window), averaged
    over the batch.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return each window's loss, `(windows,)`, from signals `(windows, samples, 1)` in mV."""
        clean, output = ops.squeeze(y_true, -1), ops.squeeze(y_pred, -1)
        alike = ops.mean(_correlation(_power(clean), _power(output)))
        weight = ops.exp(ops.subtract(1.0, ops.abs(alike)))
        cosine = _cosine(clean, output)
        return ops.add(
            ops.multiply(weight, ops.mean(_huber(ops.subtract(output, clean)), axis=1)),
            ops.subtract(1.0, cosine),
        )


def _huber(error: Any) -> Any:
    size = ops.abs(error)
    straight = ops.multiply(CORNER_MV, ops.subtract(size, 0.5 * CORNER_MV))
    return ops.where(size <= CORNER_MV, ops.multiply(0.5, ops.square(error)), straight)


def _power(signals: Any) -> Any:
    """Return power spectra `(windows, frequencies)` of signals `(windows, samples)`."""
    samples = signals.shape[1]
    taper = ops.subtract(
        0.5, ops.multiply(0.5, ops.cos(ops.linspace(0.0, 2 * math.pi, samples, dtype="float32")))
    )
    real, imaginary = ops.rfft(ops.multiply(signals, taper))
    return ops.divide(ops.add(ops.square(real), ops.square(imaginary)), samples)


def _cosine(first: Any, second: Any) -> Any:
    """Return the cosine of each pair of rows, `(windows,)`."""
    product = ops.sum(ops.multiply(first, second), axis=1)
    squares = (ops.add(ops.sum(ops.square(x), axis=1), TINY) for x in (first, second))
    return ops.divide(product, ops.sqrt(ops.multiply(*squares)))


def _correlation(first: Any, second: Any) -> Any:
    """Return the correlation coefficient of each pair of rows, `(windows,)`."""
    return _cosine(*(ops.subtract(x, ops.mean(x, 1, keepdims=True)) for x in (first, second)))
