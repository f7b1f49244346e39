"""How exactly a processor multiplies while a network is fitted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from ecgmodel.errors import SettingsError

BFLOAT16 = "bfloat16"
OPTION = "auto_mixed_precision_onednn_bfloat16"


@contextmanager
def computing(precision: str) -> Iterator[None]:
    """Have what runs inside multiply as `training.precision` says.

    Args:
        precision: "float32" or "bfloat16".

    Raises:
        SettingsError: Keras runs on another backend than TensorFlow, and bfloat16 is asked for.
    """
    if precision != BFLOAT16:
        yield
        return
    if keras.backend.backend() != "tensorflow":
        raise SettingsError(
            f"training.precision: expected float32 under {keras.backend.backend()}. Received "
            f"{precision}, which is for TensorFlow on CPUs."
        )
    import tensorflow as tf

    options = tf.config.optimizer
    before = options.get_experimental_options().get(OPTION, False)
    options.set_experimental_options({OPTION: True})
    try:
        yield
    finally:
        options.set_experimental_options({OPTION: before})
