"""The precision of convolutions and matrix products during training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from ecgmodel.errors import SettingsError

BFLOAT16 = "bfloat16"
OPTION = "auto_mixed_precision_onednn_bfloat16"


@contextmanager
def computing(precision: str) -> Iterator[None]:
    """Compute with the precision of `training.precision` while the block runs.

    Args:
        precision: "float32" or "bfloat16".

    Raises:
        SettingsError: bfloat16 is set, and the Keras backend is not TensorFlow.
    """
    if precision != BFLOAT16:
        yield
        return
    if keras.backend.backend() != "tensorflow":
        raise SettingsError(
            f"training.precision: expected float32 with the Keras backend "
            f"{keras.backend.backend()}. Received: {precision}, which needs TensorFlow on CPUs."
        )
    import tensorflow as tf

    options = tf.config.optimizer
    before = options.get_experimental_options().get(OPTION, False)
    options.set_experimental_options({OPTION: True})
    try:
        yield
    finally:
        options.set_experimental_options({OPTION: before})
