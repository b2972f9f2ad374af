"""Keras on graphflow: TensorFlow's `tf.keras`, as far as models of layers go.

Models are `Sequential`, made of tensors (``Model(inputs, outputs)``), or classes with a `call` of
their own, which are built by the first data. Weights are written as TensorFlow's checkpoints.
"""

from types import SimpleNamespace as _Names
from typing import Any as _Any

from graphflow.keras import (
    applications,
    backend,
    callbacks,
    constraints,
    datasets,
    functions,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    preprocessing,
    saved_models,
    serialization,
    utils,
)
from graphflow.keras.core import SequenceFeatures as _SequenceFeatures
from graphflow.keras.layers import Input
from graphflow.keras.models import Model, Sequential
from graphflow.ops.initializers import Initializer as _Initializer

__version__ = "2.2.4-tf"
activations = _Names(
    **functions.ACTIVATIONS, get=functions.activation,
    serialize=serialization.serialize_keras_object, deserialize=functions.activation,
)  # fmt: skip
initializers = _Names(
    **{**functions.INITIALIZERS, **functions.CLASSES}, Initializer=_Initializer,
    get=functions.initializer, serialize=serialization.serialize_keras_object,
    deserialize=functions.initializer,
)  # fmt: skip
regularizers = _Names(
    l1=functions.l1, l2=functions.l2, l1_l2=functions.l1_l2, L1L2=functions.L1L2,
    Regularizer=functions.Regularizer, get=functions.regularizer,
    serialize=serialization.serialize_keras_object, deserialize=functions.regularizer,
)  # fmt: skip
experimental = _Names(
    SequenceFeatures=_SequenceFeatures,
    export_saved_model=saved_models.export_saved_model,
    load_from_saved_model=saved_models.load_from_saved_model,
)  # fmt: skip


def __getattr__(name: str) -> _Any:
    if name == "estimator":  # rarely wanted, and slow to load
        from graphflow.keras.estimators import model_to_estimator

        return _Names(model_to_estimator=model_to_estimator)
    raise AttributeError(f"module 'graphflow.keras' has no attribute {name!r}")
