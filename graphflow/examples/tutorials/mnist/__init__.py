"""TensorFlow's MNIST tutorial: its reader of the data."""

from graphflow.examples.tutorials.mnist import input_data

__all__ = ["input_data"]
