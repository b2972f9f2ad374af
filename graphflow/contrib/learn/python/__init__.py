"""Where programs look for parts of `tf.contrib.learn`."""

from graphflow.contrib.learn.python import learn

__all__ = ["learn"]
