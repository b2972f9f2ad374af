"""Keras on graphflow: TensorFlow's `tf.keras`, as far as models of layers go.

Models are `Sequential`, made of tensors (``Model(inputs, outputs)``), or classes with a `call` of
their own, which are built by the first data. Weights are written as TensorFlow's checkpoints.
"""

from types import SimpleNamespace as _Names

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
    serialization,
    utils,
)
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
