"""Keras's backend: TensorFlow's `tf.keras.backend`."""

from graphflow.keras.backend_math import *
from graphflow.keras.backend_nn import *
from graphflow.keras.backend_state import *


def backend() -> str:
    """The name of the backend."""
    return "tensorflow"
