"""Files of tables, under their path in TensorFlow."""

from graphflow.contrib.learn.python.learn.datasets import base

__all__ = ["base"]
