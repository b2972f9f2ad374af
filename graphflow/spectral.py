"""Fourier and cosine transforms: TensorFlow's `tf.spectral`."""

from graphflow.ops.signals import dct, idct
from graphflow.ops.spectral import *

__all__ = [name for name in dir() if not name.startswith("_")]
