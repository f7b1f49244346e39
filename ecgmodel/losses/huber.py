"""Half the squared error up to 1 mV, and straight from there on (Huber 1964), averaged."""

from keras.losses import Huber as Loss

__all__ = ["Loss"]
