"""The mean squared error, mV^2."""

from keras.losses import MeanSquaredError as Loss

__all__ = ["Loss"]
