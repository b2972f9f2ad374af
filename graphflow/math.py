"""Mathematics: TensorFlow's `tf.math`."""

from graphflow.ops.comparison import *
from graphflow.ops.elementwise import *
from graphflow.ops.nn import l2_normalize, zero_fraction
from graphflow.ops.reductions import *
from graphflow.ops.scans import *
from graphflow.ops.softmax import log_softmax, softmax
from graphflow.ops.unary import *

__all__ = [name for name in dir() if not name.startswith("_")]
