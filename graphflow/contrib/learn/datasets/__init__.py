"""TensorFlow's `tf.contrib.learn.datasets`, without data of its own."""

from graphflow.contrib.learn.datasets import base

__all__ = ["base"]
