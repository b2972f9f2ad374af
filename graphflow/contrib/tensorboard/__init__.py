"""TensorFlow's `tf.contrib.tensorboard`."""

from graphflow.contrib.tensorboard import plugins

__all__ = ["plugins"]
