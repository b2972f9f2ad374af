"""Checks: TensorFlow's `tf.debugging`."""

from graphflow.ops.checks import Assert, check_numerics
from graphflow.ops.unary import is_finite, is_inf, is_nan

__all__ = ["Assert", "check_numerics", "is_finite", "is_inf", "is_nan"]
