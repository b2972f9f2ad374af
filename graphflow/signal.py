"""Signals and Fourier transforms: TensorFlow's `tf.signal`."""

from graphflow.ops.signals import *
from graphflow.ops.spectral import *

__all__ = [name for name in dir() if not name.startswith("_")]
