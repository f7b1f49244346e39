"""The logarithm of the error's hyperbolic cosine, averaged: a smooth Huber loss."""

from keras.losses import LogCosh as Loss

__all__ = ["Loss"]
