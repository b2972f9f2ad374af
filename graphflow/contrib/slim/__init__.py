"""TensorFlow's `tf.contrib.slim`: layers with scopes of arguments, and losses."""

import importlib
from typing import Any

from graphflow.contrib import losses, metrics
from graphflow.contrib.framework.arg_scope import *
from graphflow.contrib.framework.variables import *
from graphflow.contrib.layers import utils
from graphflow.contrib.layers.linear import *
from graphflow.contrib.layers.normalization import *
from graphflow.contrib.layers.regularizers import *
from graphflow.contrib.layers.shaping import *
from graphflow.contrib.slim.training_loops import evaluation, learning, model_analyzer
from graphflow.train.global_step import (
    create_global_step,
    get_global_step,
    get_or_create_global_step,
)

_OF_LAYERS = {"initializers", "layers", "optimizers", "regularizers", "summaries"}
_PARTS = {
    "data_decoder", "data_provider", "dataset", "dataset_data_provider", "nets", "parallel_reader",
    "prefetch_queue", "queues", "tfexample_decoder",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return importlib.import_module(f"graphflow.contrib.slim.{name}")
    if name not in _OF_LAYERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"graphflow.contrib.layers.python.layers.{name}")
