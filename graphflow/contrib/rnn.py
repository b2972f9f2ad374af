"""TensorFlow's `tf.contrib.rnn`: cells, wrappers, and networks over lists of steps."""

from graphflow.ops.rnn import transpose_batch_time
from graphflow.ops.rnn_cell_base import *
from graphflow.ops.rnn_cells import *
from graphflow.ops.rnn_cells_more import *
from graphflow.ops.rnn_fused import *
from graphflow.ops.rnn_wrappers import *
from graphflow.ops.static_rnn import *
from graphflow.ops.static_rnn import stack_bidirectional_dynamic_rnn

__all__ = [name for name in dir() if not name.startswith("_")]
