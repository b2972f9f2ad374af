"""What TensorBoard's plugins are told by."""

from graphflow.contrib.tensorboard.plugins import projector

__all__ = ["projector"]
