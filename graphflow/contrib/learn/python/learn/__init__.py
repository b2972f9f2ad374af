"""Where programs look for parts of `tf.contrib.learn`."""

from graphflow.contrib.learn.python.learn import datasets, preprocessing

__all__ = ["datasets", "preprocessing"]
