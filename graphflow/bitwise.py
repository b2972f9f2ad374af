"""Operations on bits: TensorFlow's `tf.bitwise`."""

from graphflow.ops.bitwise import *  # noqa: F403

__all__ = [name for name in dir() if not name.startswith("_")]
