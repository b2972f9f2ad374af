"""Random draws: TensorFlow's `tf.random`."""

from graphflow.graph.random_seed import get_seed, set_random_seed
from graphflow.ops.random import random_normal as normal
from graphflow.ops.random import random_uniform as uniform
from graphflow.ops.random import truncated_normal

__all__ = ["get_seed", "normal", "set_random_seed", "truncated_normal", "uniform"]
