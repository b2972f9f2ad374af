"""Mathematics: TensorFlow's `tf.math`."""

from graphflow.ops.comparison import *  # noqa: F403
from graphflow.ops.elementwise import *  # noqa: F403
from graphflow.ops.nn import l2_normalize, zero_fraction
from graphflow.ops.reductions import *  # noqa: F403
from graphflow.ops.softmax import log_softmax, softmax
from graphflow.ops.unary import *  # noqa: F403

__all__ = [name for name in dir() if not name.startswith("_")]
