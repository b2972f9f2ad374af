"""Checks: TensorFlow's `tf.debugging`."""

from graphflow.ops.assertions import *
from graphflow.ops.assertions import verify_tensor_all_finite as assert_all_finite
from graphflow.ops.checks import Assert, check_numerics
from graphflow.ops.counting import is_non_decreasing, is_numeric_tensor, is_strictly_increasing
from graphflow.ops.shape_assertions import *
from graphflow.ops.unary import is_finite, is_inf, is_nan
