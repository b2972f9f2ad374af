"""Keras on graphflow: TensorFlow's `tf.keras`, as far as models of layers go.

Models are `Sequential` or made of tensors (``Model(inputs, outputs)``); classes that override
``call`` of a model are not known.
"""

from types import SimpleNamespace as _Names

from graphflow.keras import (
    backend,
    callbacks,
    datasets,
    functions,
    layers,
    models,
    optimizers,
    preprocessing,
    utils,
)
from graphflow.keras.layers import Input
from graphflow.keras.models import Model, Sequential

__version__ = "2.2.4-tf"
activations = _Names(**functions.ACTIVATIONS, get=functions.activation)
initializers = _Names(**functions.INITIALIZERS, get=functions.initializer)
losses = _Names(**functions.LOSSES, get=functions.loss)
metrics = _Names(**functions.METRICS, get=functions.metric)
regularizers = _Names(
    l1=functions.l1, l2=functions.l2, l1_l2=functions.l1_l2, get=functions.regularizer
)
