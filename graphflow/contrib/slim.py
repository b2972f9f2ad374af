"""TensorFlow's `tf.contrib.slim`: layers with scopes of arguments, and losses."""

from graphflow.contrib import losses, metrics
from graphflow.contrib.framework.arg_scope import *
from graphflow.contrib.framework.variables import *
from graphflow.contrib.layers.linear import *
from graphflow.contrib.layers.normalization import *
from graphflow.contrib.layers.regularizers import *
from graphflow.contrib.layers.shaping import *
from graphflow.contrib.slim_training import evaluation, learning, model_analyzer
from graphflow.train.global_step import (
    create_global_step,
    get_global_step,
    get_or_create_global_step,
)
