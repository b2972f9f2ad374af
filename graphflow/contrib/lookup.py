"""TensorFlow's `tf.contrib.lookup`."""

from graphflow.lookup_tables import *
