"""Neural-network operations: TensorFlow's `tf.nn`."""

from graphflow.ops.activations import *  # noqa: F403
from graphflow.ops.losses import *  # noqa: F403
from graphflow.ops.nn import *  # noqa: F403
from graphflow.ops.softmax import *  # noqa: F403
from graphflow.ops.unary import log_sigmoid, sigmoid, softplus, tanh

__all__ = [name for name in dir() if not name.startswith("_")]
