"""The Huber loss (1964): half the squared error up to 1 mV, linear above; averaged."""

from keras.losses import Huber as Loss

__all__ = ["Loss"]
