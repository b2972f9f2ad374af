"""Cells that take whole sequences: TensorFlow's fused cells, as loops that are compiled whole."""

from __future__ import annotations

from typing import Any

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.dtypes import as_dtype
from graphflow.ops.joining import stack, unstack
from graphflow.ops.layer_base import Layer
from graphflow.ops.rnn import dynamic_rnn
from graphflow.ops.rnn_cell_base import LSTMStateTuple
from graphflow.ops.rnn_cells import LSTMBlockCell
from graphflow.ops.slicing import reverse, reverse_sequence
from graphflow.ops.static_rnn import static_rnn
from graphflow.ops.variable_scope import get_variable_scope, variable_scope

__all__ = [
    "FusedRNNCell",
    "FusedRNNCellAdaptor",
    "LSTMBlockFusedCell",
    "LSTMBlockWrapper",
    "TimeReversedFusedRNN",
]


class FusedRNNCell:
    """A cell that takes inputs of shape [time, batch, size]."""

    def __call__(
        self, inputs: Any, initial_state: Any = None, dtype: Any = None,
        sequence_length: Any = None, scope: Any = None,
    ) -> Any:  # fmt: skip
        """The outputs, time first, and the final state."""
        raise NotImplementedError("a fused cell defines __call__")


class FusedRNNCellAdaptor(FusedRNNCell):
    """An `RNNCell` as a fused one; with `use_dynamic_rnn`, the graph has a loop."""

    def __init__(self, cell: Any, use_dynamic_rnn: bool = False) -> None:
        self._cell, self._use_dynamic_rnn = cell, use_dynamic_rnn

    def __call__(
        self, inputs: Any, initial_state: Any = None, dtype: Any = None,
        sequence_length: Any = None, scope: Any = None,
    ) -> Any:  # fmt: skip
        """The outputs, time first, and the final state."""
        is_list = isinstance(inputs, list)
        if self._use_dynamic_rnn:
            whole = stack(inputs) if is_list else inputs
            outputs, state = dynamic_rnn(
                self._cell, whole, sequence_length=sequence_length, initial_state=initial_state,
                dtype=dtype, time_major=True, scope=scope,
            )  # fmt: skip
            return unstack(outputs) if is_list else outputs, state
        steps = inputs if is_list else unstack(inputs)
        made, state = static_rnn(
            self._cell, steps, initial_state=initial_state, dtype=dtype,
            sequence_length=sequence_length, scope=scope,
        )  # fmt: skip
        return made if is_list else stack(made), state


class TimeReversedFusedRNN(FusedRNNCell):
    """A fused cell that goes from the end of each sequence to its beginning."""

    def __init__(self, cell: Any) -> None:
        self._cell = cell

    def __call__(
        self, inputs: Any, initial_state: Any = None, dtype: Any = None,
        sequence_length: Any = None, scope: Any = None,
    ) -> Any:  # fmt: skip
        """The outputs, time first and in the order of the inputs, and the final state."""

        def turned(value: Any) -> Any:
            if isinstance(value, list):
                return unstack(turned(stack(value)))
            if sequence_length is None:
                return reverse(value, [0])
            return reverse_sequence(value, sequence_length, seq_axis=0, batch_axis=1)

        outputs, state = self._cell(turned(inputs), initial_state, dtype, sequence_length, scope)
        return turned(outputs), state


class LSTMBlockWrapper(FusedRNNCell):
    """The base of fused LSTMs."""


class _WithoutScope(LSTMBlockCell):
    """An LSTM whose variables are made elsewhere."""

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        return self.call(inputs, state)


class LSTMBlockFusedCell(LSTMBlockWrapper, Layer):
    """An LSTM over whole sequences, with the variables of `LSTMBlockCell`."""

    def __init__(
        self, num_units: int, forget_bias: float = 1.0, cell_clip: float | None = None,
        use_peephole: bool = False, reuse: Any = None, dtype: Any = None,
        name: Any = "lstm_fused_cell",
    ) -> None:  # fmt: skip
        Layer.__init__(self, _reuse=reuse, name=name, dtype=dtype)
        self._num_units = num_units
        self._cell = _WithoutScope(num_units, forget_bias, cell_clip, use_peephole)

    @property
    def num_units(self) -> int:
        """The number of units."""
        return self._num_units

    def __call__(
        self, inputs: Any, initial_state: Any = None, dtype: Any = None,
        sequence_length: Any = None, scope: Any = None,
    ) -> Any:  # fmt: skip
        """The outputs, time first, and the final (c, h)."""
        return Layer.__call__(self, inputs, initial_state, dtype, sequence_length, scope=scope)

    def build(self, input_shape: Any) -> None:
        """Make the variables of the cell in this layer's scope."""
        cell = self._cell
        cell._scope, cell._dtype = self._scope, self._dtype
        cell._reuse = self._reuse
        cell.build(input_shape[0] if isinstance(input_shape, list) else input_shape)
        self._track(cell)
        self.built = True

    def call(
        self, inputs: Any, initial_state: Any = None, dtype: Any = None,
        sequence_length: Any = None,
    ) -> Any:  # fmt: skip
        """The outputs, time first, and the final (c, h)."""
        is_list = isinstance(inputs, list)
        whole = stack(inputs) if is_list else convert_to_tensor(inputs)
        if initial_state is not None:
            initial_state = LSTMStateTuple(*initial_state)
        kind = None if dtype is None else as_dtype(dtype)
        with variable_scope(get_variable_scope()) as scope:
            outputs, state = dynamic_rnn(
                self._cell, whole, sequence_length=sequence_length, initial_state=initial_state,
                dtype=kind or whole.dtype, time_major=True, scope=scope,
            )  # fmt: skip
        return unstack(outputs) if is_list else outputs, state
