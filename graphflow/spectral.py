"""Fourier transforms: TensorFlow's `tf.spectral`."""

from graphflow.ops.spectral import *

__all__ = [name for name in dir() if not name.startswith("_")]
