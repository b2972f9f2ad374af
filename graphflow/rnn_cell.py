"""Cells of recurrent networks: TensorFlow's `tf.nn.rnn_cell`."""

from graphflow.ops.rnn_cell_base import LSTMStateTuple, RNNCell
from graphflow.ops.rnn_cells import BasicLSTMCell, BasicRNNCell, GRUCell, LSTMCell
from graphflow.ops.rnn_wrappers import (
    DeviceWrapper,
    DropoutWrapper,
    MultiRNNCell,
    ResidualWrapper,
)

__all__ = [name for name in dir() if not name.startswith("_")]
