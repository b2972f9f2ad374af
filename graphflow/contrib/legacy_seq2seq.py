"""TensorFlow's `tf.contrib.legacy_seq2seq`: sequence models over lists of steps."""

from graphflow.ops.legacy_seq2seq import *

__all__ = [name for name in dir() if not name.startswith("_")]
