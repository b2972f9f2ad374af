"""Metrics over many batches, in variables: TensorFlow's `tf.metrics`."""

from graphflow.metrics.counts import *
from graphflow.metrics.means import *
from graphflow.metrics.ranking import *

__all__ = [name for name in dir() if not name.startswith("_")]
