"""TensorFlow's `tf.feature_column`: how features become numbers, described as values."""

from graphflow.feature_column.categorical import *
from graphflow.feature_column.dense import *
from graphflow.feature_column.model import *
from graphflow.feature_column.sequence import *

__all__ = [name for name in dir() if not name.startswith("_")]
