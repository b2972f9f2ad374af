"""Types of tensors: TensorFlow's `tf.dtypes`."""

from graphflow.graph.dtypes import *

__all__ = [name for name in dir() if not name.startswith("_")]
