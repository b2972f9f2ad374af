"""Sets in the rows of tensors: TensorFlow's `tf.sets`."""

from graphflow.ops.set_operations import *
from graphflow.ops.set_operations import set_difference as difference
from graphflow.ops.set_operations import set_intersection as intersection
from graphflow.ops.set_operations import set_size as size
from graphflow.ops.set_operations import set_union as union

__all__ = [name for name in dir() if not name.startswith("_")]
