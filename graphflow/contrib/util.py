"""TensorFlow's `tf.contrib.util`."""

from graphflow.graph.graph_def import make_tensor_proto
from graphflow.graph.graph_def import tensor_array as make_ndarray
from graphflow.ops.shape_rules import known_array as constant_value

MakeNdarray = make_ndarray
get_static_value = constant_value

__all__ = ["MakeNdarray", "constant_value", "get_static_value", "make_ndarray", "make_tensor_proto"]
