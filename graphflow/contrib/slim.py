"""TensorFlow's `tf.contrib.slim`: layers with scopes of arguments, and losses."""

import importlib
from typing import Any

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

_OF_LAYERS = {"initializers", "layers", "optimizers", "regularizers", "summaries", "utils"}


def __getattr__(name: str) -> Any:
    if name not in _OF_LAYERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"graphflow.contrib.layers.python.layers.{name}")
