"""The logarithm of the error's hyperbolic cosine, averaged: Huber's without a corner."""

from keras.losses import LogCosh as Loss

__all__ = ["Loss"]
