"""TensorFlow's `tf.contrib.data`: `tf.data.experimental` under its former name."""

from graphflow.data.experimental import *
from graphflow.data.experimental import parallel_interleave


def batch_and_drop_remainder(batch_size: int) -> object:
    """`Dataset.batch` without a shorter batch at the end."""
    return lambda dataset: dataset.batch(batch_size, drop_remainder=True)


sloppy_interleave = parallel_interleave

__all__ = [name for name in dir() if not name.startswith("_")]
