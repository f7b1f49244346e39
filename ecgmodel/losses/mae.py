"""The mean absolute error, mV."""

from keras.losses import MeanAbsoluteError as Loss

__all__ = ["Loss"]
