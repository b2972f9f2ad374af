"""TensorFlow's `tf.contrib.framework`: nested structures."""

from graphflow.graph import nest

__all__ = ["nest"]
