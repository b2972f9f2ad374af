"""Operations on bits: TensorFlow's `tf.bitwise`."""

from graphflow.ops.bitwise import *

__all__ = [name for name in dir() if not name.startswith("_")]
