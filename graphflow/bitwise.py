"""Operations on bits: TensorFlow's `tf.bitwise`."""

from graphflow.ops.unary import invert

__all__ = ["invert"]
